"""Before and after: what the control sample says of a verifier or a router that took over. Pure.

A stretch lasts from one promotion to the next of the same kind and name. The difference of two stretches has Newcombe's
interval (1998, "Interval estimation for the difference between independent proportions", method 10), which is made of
both stretches' own, and so keeps to the strata that `precision` knows of.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any

from litellm_plugins.review.items import Item, Kind
from litellm_plugins.review.precision import Estimate, precision, wilson

Json = dict[str, Any]

FEWEST = 30
"""Verdicts of a stretch, or requests for a rate. With fewer nothing is said: 29 of 29 is an interval of 12 points."""
_BY_MEANING = "semantic"
_LOOKED_UP = frozenset({"exact", _BY_MEANING, "coalesced", "miss"})


class Changed(StrEnum):
    """What took over."""

    VERIFIER = "verifier"
    ROUTER = "router"


@dataclass(frozen=True, slots=True)
class Promotion:
    """One of them."""

    at_s: float
    changed: Changed
    name: str  # of a verifier, whose labels it learnt from alone: a word for the tenant, "" for everybody's; a router's
    what: Mapping[str, Any] = field(default_factory=dict)  # took over: labels of a fit, scorer and artefact of a router


def before_after(
    sample: Sequence[Item],
    promotions: Iterable[Promotion],
    *,
    since_s: float,
    now_s: float,
    word_of: Callable[[str], str],
) -> Json:
    """Of each promotion since `since_s`, newest first.

    Args:
        sample: the control sample since then.
        promotions: all that are known, in any order. One that changed nothing counts once: workers may tell it twice.
        since_s: UNIX seconds, like `now_s`, where the last stretch ends.
        now_s: see there.
        word_of: the word under which a tenant's own verifier goes.
    """
    series = _series(promotions)
    own_from = {name: each[0].at_s for (changed, name), each in series.items() if changed is Changed.VERIFIER and name}
    words = {tenant: word_of(tenant) for tenant in {item.tenant for item in sample}}
    tenants = {word: tenant for tenant, word in words.items()}  # who is in the sample: no others to be told of
    found: dict[Changed, list[Json]] = {changed: [] for changed in Changed}
    for (changed, name), each in series.items():
        if changed is Changed.ROUTER:
            routed = [item for item in sample if item.tier and item.route.startswith(f"{name}/")]
            found[changed] += _rows(routed, each, _routed, name, (since_s, now_s))
        elif not name:
            common = [item for item in sample if item.at_s < own_from.get(words[item.tenant], math.inf)]
            found[changed] += _rows(common, each, _verified, "everybody", (since_s, now_s))
        elif name in tenants:
            own = [item for item in sample if item.tenant == tenants[name]]
            found[changed] += _rows(own, each, _verified, tenants[name], (since_s, now_s))
    return {"fewest": FEWEST} | {
        str(changed): sorted(rows, key=lambda row: -row["at_s"]) for changed, rows in found.items()
    }


def _series(promotions: Iterable[Promotion]) -> dict[tuple[Changed, str], list[Promotion]]:
    found: dict[tuple[Changed, str], list[Promotion]] = {}
    for each in sorted(promotions, key=lambda promotion: promotion.at_s):
        known = found.setdefault((each.changed, each.name), [])
        if not known or known[-1].what != each.what:
            known.append(each)
    return found


def _rows(
    items: Sequence[Item],
    series: Sequence[Promotion],
    told: Callable[[Sequence[Item]], Json],
    of: str,
    window: tuple[float, float],
) -> list[Json]:
    since_s, now_s = window
    bounds = [since_s, *(max(since_s, each.at_s) for each in series), now_s]
    in_order = sorted(items, key=_at)
    stretches = []
    for start, end in pairwise(bounds):
        inside = in_order[bisect_left(in_order, start, key=_at) : bisect_left(in_order, end, key=_at)]
        stretches.append({"from_s": start, "until_s": end, **told(inside)})
    return [
        {**each.what, "at_s": each.at_s, "of": of, "before": before, "after": after, **_difference(before, after)}
        for each, (before, after) in zip(series, pairwise(stretches), strict=True)
        if each.at_s >= since_s
    ]


def _at(item: Item) -> float:
    return item.at_s


def _verified(items: Sequence[Item]) -> Json:
    """Of those that are promised a rate of errors: who has a fixed threshold is served by that."""
    looked_up = [item for item in items if item.promised is not None and item.layer in _LOOKED_UP]
    hits = [i for i in looked_up if i.kind is Kind.HIT and i.layer == _BY_MEANING and i.probability is not None]
    return {**_told(precision(hits)), "looked_up": len(looked_up), **_rate("hit_rate", len(hits), len(looked_up))}


def _routed(items: Sequence[Item]) -> Json:
    tiers = sorted({item.tier for item in items})
    by_tier = [(tier, [item for item in items if item.tier == tier]) for tier in tiers]
    return {
        **_told(precision(items)),
        "by_tier": [
            {"name": tier, **_told(precision(each)), **_rate("share", len(each), len(items))} for tier, each in by_tier
        ],
    }


def _told(found: Estimate) -> Json:
    if found.judged < FEWEST:
        found = Estimate(found.sampled, found.judged)
    return asdict(found) | {"too_few": found.right is None}


def _rate(name: str, count: int, of: int) -> Json:
    if of < FEWEST:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    low, high = wilson(count / of, of)
    return {name: count / of, f"{name}_low": low, f"{name}_high": high}


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Json:
    """After less before, and a word for it."""
    if before["too_few"] or after["too_few"]:
        return {"state": "too_few", "difference": None}
    right = after["right"] - before["right"]
    low = right - math.hypot(after["right"] - after["low"], before["high"] - before["right"])
    high = right + math.hypot(after["high"] - after["right"], before["right"] - before["low"])
    state = "better" if low > 0 else "worse" if high < 0 else "not_shown"
    return {"state": state, "difference": {"right": right, "low": low, "high": high}}
