"""Families of prompts and the prefixes that were seen, each tenant's on its own; all of it in memory, and bounded."""

from __future__ import annotations

import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from litellm_plugins.prompt_caching.family import Family, Seen, Sight
from litellm_plugins.prompt_caching.lines import features, first_change, line_hashes
from litellm_plugins.prompt_caching.prices import TTL_S

if TYPE_CHECKING:
    from collections.abc import Iterable

    from litellm_plugins.prompt_caching.blocks import Block, Ttl

_ALIKE = 0.5  # of the lines of the shorter beginning
_LAST_BLOCKS = 40  # of a long conversation, that are remembered of a request: earlier ones were with earlier requests
_OWN_GAPS = 8
_FIRST_TEXT = 1_024  # characters from which a first message is the beginning of a family, where nothing else is

Scope = tuple[str, str]  # tenant, model


class Families:
    """Of one worker. What is used least is given up first."""

    def __init__(self, *, clock: Callable[[], float], max_families: int, max_prefixes: int) -> None:
        self.clock = clock
        self._max_families, self._max_prefixes = max_families, max_prefixes
        self._families: OrderedDict[str, Family] = OrderedDict()
        self._by_feature: dict[Scope, dict[bytes, set[str]]] = {}
        self._seen: OrderedDict[tuple[str, str, bytes], Seen] = OrderedDict()

    def all(self) -> Sequence[Family]:
        """Those that are remembered."""
        return tuple(self._families.values())

    def see(self, tenant: str, model: str, blocks: Sequence[Block]) -> Sight | None:
        """Take notice of a request, and tell what was known before it; None: it has no beginning to know it by."""
        now, begins = self.clock(), _beginning(blocks)
        if not begins:
            return None
        family = self._family(tenant, model, frozenset(begins), now)
        head = max((at for at, block in enumerate(blocks) if block.section != "messages"), default=None)
        turns = len({block.place.index for block in blocks if block.role == "user"})
        known = [self._seen.get((tenant, model, block.chain)) for block in blocks]
        sight = Sight(
            family,
            known,
            [each is not None and now < each.live_until_s for each in known],
            head,
            family.goes_on(turns),
        )
        family.taken(turns)
        _count(family, blocks, known, head, now)
        self._remember(tenant, model, blocks, now)
        return sight

    def written(self, tenant: str, model: str, marks: Iterable[tuple[bytes, Ttl]]) -> None:
        """Marks were sent at these prefixes: each is in the provider's cache, or used anew."""
        now = self.clock()
        for chain, ttl in marks:
            seen = self._seen.get((tenant, model, chain))
            if seen is not None:
                ttl_s = seen.ttl_s if now < seen.live_until_s else TTL_S[ttl]
                self._seen[tenant, model, chain] = replace(seen, ttl_s=ttl_s, live_until_s=now + ttl_s)

    def _family(self, tenant: str, model: str, begins: frozenset[bytes], now: float) -> Family:
        index = self._by_feature.setdefault((tenant, model), {})
        votes = Counter(each for feature in begins for each in index.get(feature, ()))
        for found, shared in votes.most_common(1):
            family = self._families[found]
            if shared >= _ALIKE * min(len(begins), len(family.features)):
                self._families.move_to_end(found)
                if begins != family.features:
                    self._forget(family)
                    self._index(family, begins)
                return family
        family = Family(secrets.token_hex(4), tenant, model, since_s=now)
        self._families[family.id] = family
        self._index(family, begins)
        while len(self._families) > self._max_families:
            self._forget(self._families.popitem(last=False)[1])
        return family

    def _index(self, family: Family, begins: frozenset[bytes]) -> None:
        family.features = begins
        index = self._by_feature.setdefault((family.tenant, family.model), {})
        for feature in begins:
            index.setdefault(feature, set()).add(family.id)

    def _forget(self, family: Family) -> None:
        scope = (family.tenant, family.model)
        index = self._by_feature.get(scope, {})
        for feature in family.features:
            holders = index.get(feature, set())
            holders.discard(family.id)
            if not holders:
                index.pop(feature, None)
        if not index:
            self._by_feature.pop(scope, None)

    def _remember(self, tenant: str, model: str, blocks: Sequence[Block], now: float) -> None:
        for block in [*(b for b in blocks if b.section != "messages"), *_last(blocks)]:
            key = (tenant, model, block.chain)
            seen, ends = self._seen.get(key), block is blocks[-1]
            if seen is None:
                self._seen[key] = Seen(1, now, ended=ends)
            else:
                gaps = (*seen.gaps_s[-_OWN_GAPS + 1 :], now - seen.last_s)
                times, ended = seen.times + 1, seen.ended or ends
                self._seen[key] = replace(seen, times=times, last_s=now, gaps_s=gaps, ended=ended)
                self._seen.move_to_end(key)
        while len(self._seen) > self._max_prefixes:
            self._seen.popitem(last=False)


def _beginning(blocks: Sequence[Block]) -> set[bytes]:
    head = [block for block in blocks if block.section != "messages"]
    if not head:
        head = [block for block in blocks[:1] if len(block.text) >= _FIRST_TEXT]
    return {feature for block in head for feature in features(block.text)}


def _last(blocks: Sequence[Block]) -> list[Block]:
    return [block for block in blocks if block.section == "messages"][-_LAST_BLOCKS:]


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
                    above = sum(len(family.lines[i][1]) for i in range(at) if blocks[i].section == block.section)
                    family.changed((block.section, above + found[0], found[1]))
            family.lines[at] = (block.chain, line_hashes(block.text))
    for at in [each for each in family.lines if each > head]:
        del family.lines[at]
