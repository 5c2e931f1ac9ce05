"""Which marks a request gets, and why it gets none. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from litellm_plugins.model import PromptCacheReason as Why
from litellm_plugins.prompt_caching.blocks import LOOK_BACK, MAX_MARKS
from litellm_plugins.prompt_caching.prices import TTL_S, Prices, cheapest

if TYPE_CHECKING:
    from litellm_plugins.prompt_caching.blocks import Block, Ttl
    from litellm_plugins.prompt_caching.family import Sight


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for one request."""

    minimum: int  # tokens, of the model
    allowed: tuple[Ttl, ...] = ("5m", "1h")
    prices: Prices = field(default_factory=Prices)
    ahead: bool = False  # the newest turn is marked too, where conversations go on often enough
    now_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Marks:
    """By the index of a block; none: `reason` says why. `tokens` is the longest prefix that came before."""

    at: tuple[tuple[int, Ttl], ...]
    reason: Why
    tokens: int = 0

    @property
    def ttl(self) -> str:
        return self.at[0][1] if self.at else ""


def decide(blocks: Sequence[Block], sight: Sight, rules: Rules) -> Marks:
    """A mark ends at a block whose whole prefix was there in an earlier request, so nothing new is ever written.

    At most three are of use: the end of what all conversations share (another one reads it there), the longest prefix
    that lies in the cache (a mark looks no further back than 20 blocks), and the longest prefix that was seen before.
    """
    family, theirs = sight.family, [at for at, block in enumerate(blocks) if block.mark is not None]
    seen = [at for at, known in enumerate(sight.known) if known is not None]
    tokens = family.in_its_tokens(blocks[seen[-1]].tokens) if seen else 0
    if family.in_its_tokens(blocks[-1].tokens) < rules.minimum:
        return Marks((), Why.BELOW_MINIMUM, tokens or family.in_its_tokens(family.prefix_tokens))
    if not seen:  # not even where the newest turn may be marked: no beginning came before
        return Marks((), _why_unseen(sight, theirs), family.in_its_tokens(family.prefix_tokens))
    fit = [at for at in seen if blocks[at].markable and family.in_its_tokens(blocks[at].tokens) >= rules.minimum]
    if not fit:
        changes = sight.head is not None and sight.known[sight.head] is None
        return Marks((), Why.PREFIX_CHANGES if changes else Why.BELOW_MINIMUM, tokens)
    wanted = _wanted(blocks, sight, rules, fit)
    if not wanted:
        return Marks((), _why_dear(sight, rules), tokens)
    ours = [each for each in wanted if each[0] not in theirs]
    if not ours:
        return Marks((), Why.CLIENT_MARKS, tokens)
    room = MAX_MARKS - sum(block.marks for block in blocks)
    if room <= 0:
        return Marks((), Why.NO_ROOM, tokens)
    return Marks(_in_order(blocks, theirs, sorted(ours)[-room:]), Why.STABLE_PREFIX, tokens)


def _wanted(blocks: Sequence[Block], sight: Sight, rules: Rules, fit: Sequence[int]) -> list[tuple[int, Ttl]]:
    heads = [at for at in fit if sight.head is not None and at <= sight.head]
    tails = [at for at in fit if sight.head is None or at > sight.head]
    shortest = rules.allowed[0]
    chosen: dict[int, Ttl] = {}
    for last in (heads[-1:], tails[-1:]):
        for at in last:
            ttl = _lifetime(sight, rules, at)
            if ttl is not None or sight.live[at]:  # what lies there is read for a tenth
                chosen[at] = ttl or shortest
    newest = _newest(blocks, sight, rules)
    if newest is not None:
        chosen[newest[0]] = newest[1]
    alive = [at for at in tails if sight.live[at]]
    last_mark = max(chosen, default=-1)
    if alive and not alive[-1] <= last_mark < alive[-1] + LOOK_BACK:  # no mark would find it
        chosen[alive[-1]] = shortest
    return sorted(chosen.items())


def _lifetime(sight: Sight, rules: Rules, at: int) -> Ttl | None:
    """For a prefix that came before: the end of an earlier request is a conversation's, any other many may share."""
    known = sight.known[at]
    if known is None:
        return None
    gaps = [*known.gaps_s, rules.now_s - known.last_s]
    if known.ended:
        return cheapest([*sight.family.turn_gaps_s, gaps[-1]], rules.prices, rules.allowed, sight.goes_on)
    return cheapest(gaps, rules.prices, rules.allowed)


def _newest(blocks: Sequence[Block], sight: Sight, rules: Rules) -> tuple[int, Ttl] | None:
    last = len(blocks) - 1
    block = blocks[last]
    if not (rules.ahead and block.markable and block.section == "messages" and sight.family.turn_gaps_s):
        return None
    if sight.family.in_its_tokens(block.tokens) < rules.minimum:
        return None
    ttl = cheapest(sight.family.turn_gaps_s, rules.prices, rules.allowed, sight.goes_on)
    return None if ttl is None else (last, ttl)


def _in_order(
    blocks: Sequence[Block], theirs: Sequence[int], ours: Sequence[tuple[int, Ttl]]
) -> tuple[tuple[int, Ttl], ...]:
    """No mark of an hour after one of 5 minutes: the provider refuses that."""
    ordered: list[tuple[int, Ttl]] = []
    first_short = min((at for at in theirs if blocks[at].mark == "5m"), default=len(blocks))
    hours = [at for at, ttl in ours if ttl == "1h" and at < first_short]
    last_hour = max([*hours, *(at for at in theirs if blocks[at].mark == "1h")], default=-1)
    theirs_last_hour = max((at for at in theirs if blocks[at].mark == "1h"), default=-1)
    for at, _ in ours:
        if at > first_short:
            ordered.append((at, "5m"))
        elif at < theirs_last_hour or at <= last_hour:
            ordered.append((at, "1h"))
        else:
            ordered.append((at, "5m"))
    return tuple(ordered)


def _why_unseen(sight: Sight, theirs: Sequence[int]) -> Why:
    if sight.family.requests > 1:
        return Why.PREFIX_CHANGES
    return Why.CLIENT_MARKS if theirs else Why.FIRST_SEEN


def _why_dear(sight: Sight, rules: Rules) -> Why:
    gap, longest = sight.family.gap_s, max(TTL_S[ttl] for ttl in rules.allowed)
    return Why.TOO_FAR_APART if gap is not None and gap > longest else Why.DOES_NOT_PAY
