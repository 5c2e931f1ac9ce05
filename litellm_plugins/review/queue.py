"""What is worth a reviewer's minute. Pure: items in, a list out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from litellm_plugins.review.items import COMPLAINED, Item, Kind, Second, Why
from litellm_plugins.review.second_opinions import is_due

CONTROL_SHARE = 0.2  # of a list: else the doubtful would push the sample, and with it the estimate, out
_HALF_S = 3 * 86_400.0  # an item is worth half after so long: the answer may have gone by then
_NEAR = 0.03
_SECOND_OPINION = 100.0  # more than a first look at anything: as long as one is wanting, either verdict may be mistaken
# At the same room an answer that is served for the first time is wrong five to ten times as often as one that has been
# given dozens of times (docs/review.md, "A simulated fortnight").
_SIGNS_OF_A_HIT = frozenset({Why.NEAR, Why.OLD})
# How likely a look is to find something, by and large; people's word goes before any sign of ours.
_WORTH = {
    Why.THUMB_DOWN: 8.0,
    Why.COMPLAINT: 8.0,
    Why.ANOMALY: 3.0,
    # Each corrects what the verifier is most sure of and was told is wrong. No other look teaches it as much.
    Why.DOUBTFUL_LABEL: 6.0,
    Why.NEAR: 2.0,
    Why.LOW_CHECK: 2.0,
    Why.OLD: 1.0,
    Why.COMPRESSED: 1.0,
}


def worth(item: Item, now_s: float) -> float:
    """The worth of a look: how likely a fault, times how many it reaches (its logarithm), less for what is old."""
    doubt = _SECOND_OPINION if item.state.second is Second.ASKED else _WORTH.get(item.state.why, 0.5)
    if item.room is not None:
        doubt *= 1 + _NEAR / (_NEAR + max(0.0, item.room))  # up to twice for what just passed
    if item.given is not None and item.state.why in _SIGNS_OF_A_HIT:
        doubt /= 1 + math.log(max(1, item.given))
    if item.state.why is Why.DOUBTFUL_LABEL:
        doubt *= item.probability or 0.0  # the surer the match, the likelier it is the label that is mistaken
    age = max(0.0, now_s - item.at_s)
    return doubt * (1 + math.log(max(1, item.served))) * math.exp(-age * math.log(2) / _HALF_S)


def ranked(
    waiting: Iterable[Item], sample: Sequence[Item], limit: int, *, now_s: float, kind: Kind | None = None
) -> list[Item]:
    """Up to `limit` items, none twice: the worthiest, and between them a share of the control sample, by its draw.

    Within the sample only chance decides the order, so that what has been judged of it stays a fair sample. Who was
    pointed at by somebody is ranked by that instead, and counts apart (`precision`).
    """
    by_pair: dict[str, Item] = {}
    called_for = [each for each in sample if each.state.why in COMPLAINED or each.state.second is Second.ASKED]
    open_ = [each for each in (*waiting, *called_for) if each.state.verdict is None or is_due(each.state, now_s)]
    for item in sorted(open_, key=lambda each: (-worth(each, now_s), each.id)):
        if kind in (None, item.kind):
            by_pair.setdefault(item.pair, item)
    control = [
        each
        for each in sorted(sample, key=lambda each: each.draw)
        if each.state.verdict is None and each.state.why is Why.CONTROL and kind in (None, each.kind)
    ]
    return list(_mixed(list(by_pair.values()), _once(control), limit))


def _once(items: Iterable[Item]) -> list[Item]:
    """The first of each pair: a verdict on it serves the others when their turn comes."""
    seen: dict[str, Item] = {}
    for item in items:
        seen.setdefault(item.pair, item)
    return list(seen.values())


def _mixed(worthy: Sequence[Item], control: Sequence[Item], limit: int) -> Iterator[Item]:
    """One of the sample after every four others, while there are both; ids once."""
    least = min(len(control), round(limit * CONTROL_SHARE))
    others = worthy[: max(0, limit - least)]
    chosen = control[: limit - len(others)]
    if not chosen:
        yield from others
        return
    each = max(len(others) / len(chosen), 1 / CONTROL_SHARE - 1)  # where they are few, they go first
    at = 0
    for number, item in enumerate(chosen, 1):
        until = round(number * each)
        yield from others[at:until]
        at = until
        yield item
