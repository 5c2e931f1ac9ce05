"""Families of prompts and the prefixes that were seen, each tenant's on its own; all of it in memory, and bounded."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from litellm_plugins.prompt_caching.family import Family, Seen, Sight
from litellm_plugins.prompt_caching.lines import features, first_change, line_hashes, lines_in
from litellm_plugins.prompt_caching.prices import TTL_S
from litellm_plugins.prompt_caching.sketch import Sketch, sketched

if TYPE_CHECKING:
    from collections.abc import Iterable

    from litellm_plugins.prompt_caching.blocks import Block, Ttl

_LAST_BLOCKS = 40  # of a long conversation, that are remembered of a request: earlier ones were with earlier requests
_COMMON = 64  # families that have a line: it tells none of them from the others
_SHARED_BLOCKS = 8  # of tools and system, from the end, that other workers are told of
_FIRST_TEXT = 1_024  # characters from which a first message is the beginning of a family, where nothing else is

Scope = tuple[str, str]  # tenant, model
Key = bytes  # of a prefix: the hash of tenant, model and all of its bytes


class Families:
    """Of one worker, with what others tell it. What is used least is given up first."""

    def __init__(self, *, clock: Callable[[], float], max_families: int, max_prefixes: int) -> None:
        self.clock = clock
        self._max_families, self._max_prefixes = max_families, max_prefixes
        self._families: OrderedDict[str, Family] = OrderedDict()
        self._by_feature: dict[Scope, dict[bytes, list[str]]] = {}
        self._seen: OrderedDict[Key, Seen] = OrderedDict()
        self._news: dict[Key, None] = {}  # prefixes that changed since `news` was asked for
        self._changed: dict[str, Family] = {}

    def all(self) -> Sequence[Family]:
        """Those that are remembered."""
        return tuple(self._families.values())

    def see(self, tenant: str, model: str, blocks: Sequence[Block]) -> Sight | None:
        """Take notice of a request, and tell what was known before it; None: it has no beginning to know it by."""
        now, begins = self.clock(), _beginning(blocks)
        if not begins:
            return None
        family = self._family(tenant, model, begins, now)
        head = max((at for at, block in enumerate(blocks) if block.section != "messages"), default=None)
        turns = len({block.place.index for block in blocks if block.role == "user"})
        keys = self._keys(tenant, model, blocks)
        known = [self._seen.get(key) for key in keys]
        sight = Sight(
            family,
            known,
            [each is not None and now < each.live_until_s for each in known],
            head,
            family.goes_on(turns),
        )
        family.taken(turns)
        self.touch(family)
        _count(family, blocks, known, head, now)
        self._remember(blocks, keys, head, now)
        return sight

    def known(self, tenant: str, model: str, chains: Iterable[bytes]) -> list[Seen | None]:
        """What was seen of these prefixes; takes no notice."""
        return [self._seen.get(key_of(tenant, model, chain)) for chain in chains]

    def written(self, tenant: str, model: str, marks: Iterable[tuple[bytes, Ttl]]) -> None:
        """Marks were sent at these prefixes: each is in the provider's cache, or used anew."""
        now = self.clock()
        for chain, ttl in marks:
            key = key_of(tenant, model, chain)
            seen = self._seen.get(key)
            if seen is not None:
                ttl_s = seen.ttl_s if now < seen.live_until_s else TTL_S[ttl]
                self._seen[key] = replace(seen, ttl_s=ttl_s, live_until_s=now + ttl_s)
                self._news[key] = None

    def news(self) -> dict[Key, Seen]:
        """What other workers are to know, since this was asked for last."""
        keys, self._news = self._news, {}
        return {key: seen for key in keys if (seen := self._seen.get(key)) is not None}

    def touch(self, family: Family) -> None:
        """It has changed, and other workers are to know."""
        self._changed[family.id] = family
        if len(self._changed) > self._max_families:  # nobody asks for them: their store is down
            del self._changed[next(iter(self._changed))]

    def changed(self) -> list[Family]:
        """Those that did since this was asked for last."""
        found, self._changed = list(self._changed.values()), {}
        return found

    def learn(self, sights: Mapping[Key, Seen], last_s: Mapping[str, float]) -> None:
        """What another worker saw: prefixes, and when each of its families asked last."""
        for key, seen in sights.items():
            mine = self._seen.get(key)
            self._seen[key] = seen if mine is None else mine.merged(seen)
        for name, at_s in last_s.items():
            if name in self._families:
                self._families[name].last_s = max(self._families[name].last_s, at_s)
        self._bound()

    @staticmethod
    def _keys(tenant: str, model: str, blocks: Sequence[Block]) -> list[Key]:
        return [key_of(tenant, model, block.chain) for block in blocks]

    def _family(self, tenant: str, model: str, begins: Mapping[bytes, bool], now: float) -> Family:
        index, sketch = self._by_feature.setdefault((tenant, model), {}), sketched(begins)
        holders = (index.get(feature, ()) for feature in sketch.features)
        votes = Counter(each for found in holders if len(found) <= _COMMON for each in found)
        for name, shared in votes.most_common(1):
            family = self._families[name]
            if sketch.is_like(family.sketch, shared):
                self._families.move_to_end(name)
                if sketch != family.sketch:
                    self._forget(family)
                    self._index(family, sketch)
                return family
        names = self._names(tenant, model, begins)
        for name in names:
            known = self._families.get(name)
            if known is None:
                break
            if known.sketch == sketch or name == names[-1]:  # no line voted, for many families have each of them
                self._families.move_to_end(name)
                return known
        family = Family(name, tenant, model, since_s=now)
        self._families[name] = family
        self._index(family, sketch)
        while len(self._families) > self._max_families:
            self._forget(self._families.popitem(last=False)[1])
        return family

    @staticmethod
    def _names(tenant: str, model: str, begins: Mapping[bytes, bool]) -> tuple[str, str]:
        """The same in every worker, whatever changes in the prompt: by one of the lines that are likely to stay.

        And where another family has that name, by all of its lines.
        """
        likely = [feature for feature, stays in begins.items() if stays] or list(begins)
        by_one, by_all = min(likely), b"".join(sorted(begins))
        return key_of(tenant, model, by_one)[:6].hex(), key_of(tenant, model, by_all)[:6].hex()

    def _index(self, family: Family, sketch: Sketch) -> None:
        family.sketch = sketch
        index = self._by_feature.setdefault((family.tenant, family.model), {})
        for feature in sketch.features:
            index.setdefault(feature, []).append(family.id)

    def _forget(self, family: Family) -> None:
        scope = (family.tenant, family.model)
        index = self._by_feature.get(scope, {})
        for feature in family.sketch.features:
            holders = index.get(feature, [])
            if family.id in holders:
                holders.remove(family.id)
            if not holders:
                index.pop(feature, None)
        if not index:
            self._by_feature.pop(scope, None)

    def _remember(self, blocks: Sequence[Block], keys: Sequence[Key], head: int | None, now: float) -> None:
        in_head = 0 if head is None else head + 1
        wanted = [*range(in_head), *range(max(in_head, len(blocks) - _LAST_BLOCKS), len(blocks))]
        for at in wanted:
            seen, ends = self._seen.get(keys[at]), at == len(blocks) - 1
            sight = Seen((now,), ended=ends)
            self._seen[keys[at]] = sight if seen is None else seen.merged(sight)
            self._seen.move_to_end(keys[at])
            # Where marks may stand: the ends of what many share, and of what was asked.
            if ends or in_head - _SHARED_BLOCKS <= at < in_head or blocks[at].mark is not None:
                self._news[keys[at]] = None
        self._bound()

    def _bound(self) -> None:
        while len(self._seen) > self._max_prefixes:
            self._seen.popitem(last=False)
        while len(self._news) > self._max_prefixes:
            del self._news[next(iter(self._news))]


def key_of(tenant: str, model: str, chain: bytes) -> Key:
    """Of a prefix, in every worker."""
    return blake2b(
        f"{len(tenant)}/{tenant}/{len(model)}/{model}/".encode("utf-8", "replace") + chain, digest_size=16
    ).digest()


def _beginning(blocks: Sequence[Block]) -> dict[bytes, bool]:
    head = [block for block in blocks if block.section != "messages"]
    if not head:
        head = [block for block in blocks[:1] if len(block.text) >= _FIRST_TEXT]
    return {feature: stays for block in head for feature, stays in features(block.text)}


def _count(family: Family, blocks: Sequence[Block], known: Sequence[Seen | None], head: int | None, now: float) -> None:
    if family.requests:
        family.gaps_s.append(now - family.last_s)
    at_head = known[head] if head is not None else None
    of_head = next((each for each in reversed(known[: 0 if head is None else head + 1]) if each is not None), None)
    if of_head is not None:
        family.head_gaps_s.append(now - of_head.last_s)
    last = max((at for at, each in enumerate(known) if each is not None), default=None)
    if last is not None and blocks[last].section == "messages" and (seen := known[last]) is not None:
        family.continued += 1
        family.turn_gaps_s.append(now - seen.last_s)
    family.requests, family.last_s = family.requests + 1, now
    family.head_tokens = blocks[head].tokens if head is not None else 0
    longest = blocks[last].tokens if last is not None else 0
    family.prefix_tokens = max(longest, family.head_tokens) or (blocks[0].tokens if blocks else 0)
    _compare(family, blocks, at_head is None, head)


def _compare(family: Family, blocks: Sequence[Block], is_new: bool, head: int | None) -> None:
    """Where the head is another than the last time: its first line that changed."""
    if head is None:
        return
    changed = False
    for at in range(head + 1):
        block = blocks[at]
        before = family.lines.get(at)
        if before is None or before[0] != block.chain:
            if before is not None and is_new and not changed:
                found = first_change(before[1], block.text)
                if found is not None:
                    changed = True
                    above = sum(lines_in(family.lines[i][1]) for i in range(at) if blocks[i].section == block.section)
                    family.changed((block.section, above + found[0], found[1]))
            family.lines[at] = (block.chain, line_hashes(block.text))
    for at in [each for each in family.lines if each > head]:
        del family.lines[at]
