"""What the verdicts say: precision, quality, promises, effects. Pure: items in, plain values out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from litellm_plugins.review.items import Item, Kind
from litellm_plugins.review.opinions import agreement
from litellm_plugins.review.precision import Estimate, precision

Json = dict[str, Any]
Compare = Callable[[int, int, int, int], Mapping[str, Any] | None]  # right, of, the others' right, of: a test, in words

_LOOKED_UP = frozenset({"exact", "semantic", "coalesced", "miss"})  # requests that a promise is about


def report(
    sample: Sequence[Item],
    judged: Sequence[Item],
    *,
    compare: Compare,
    promised: Sequence[float] = (),
    labels: Mapping[str, Any] | None = None,
) -> Json:
    """Of the control sample of a time, and of all that was judged in it."""
    hits = [item for item in sample if item.kind is Kind.HIT]
    return {
        "precision": {
            "all": _told(precision(hits)),
            "by_layer": {name: _told(precision(each)) for name, each in _by(hits, lambda i: i.layer)},
            "by_team": {name: _told(precision(each)) for name, each in _by(hits, lambda i: i.team)},
        },
        "quality": {
            "by_tier": _quality([i for i in sample if i.tier], lambda i: i.tier, compare, None),
            "by_arm": _quality([i for i in sample if i.arm], lambda i: i.arm, compare, "control"),
        },
        "promises": [_promise(rate, [item for item in sample if item.promised == rate]) for rate in promised],
        "verdicts": _verdicts(judged),
        "effects": dict(Counter(effect for i in judged for effect in (*i.state.effects, *i.state.thumb_effects))),
        "thumbs": dict(Counter(item.state.thumb for item in judged if item.state.thumb)),
        "judge": agreement(judged),
        "labels": dict(labels or {}),
    }


def _told(found: Estimate) -> Json:
    return asdict(found)


def _by(items: Iterable[Item], word: Callable[[Item], str]) -> list[tuple[str, list[Item]]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(word(item), []).append(item)
    return sorted(found.items())


def _quality(items: Sequence[Item], word: Callable[[Item], str], compare: Compare, control: str | None) -> list[Json]:
    """Each group with its share of right answers, held against the control arm, or else against all others."""
    groups, rows = dict(_by(items, word)), []
    for name, each in groups.items():
        others = [i for other, them in groups.items() if _is_other(name, other, control) for i in them]
        found = precision(each)
        right, of = _counts(found)
        other_right, other_of = _counts(precision(others))
        test = compare(right, of, other_right, other_of) if of and other_of else None
        rows.append({"name": name, **_told(found), "test": None if test is None else dict(test)})
    return rows


def _is_other(name: str, other: str, control: str | None) -> bool:
    if control is None:
        return other != name
    experiment = name.partition(":")[0]
    return other != name and other == f"{experiment}:{control}"


def _counts(found: Estimate) -> tuple[int, int]:
    """Right ones, of how many: as a plain sample of the same weight would have them.

    What somebody pointed at is judged sooner, and of one tier perhaps more than of another: plain counts would tell
    of that.
    """
    if found.right is None or found.effective is None:
        return 0, 0
    of = max(1, round(found.effective))
    return round(found.right * of), of


def _promise(rate: float, sample: Sequence[Item]) -> Json:
    """Wrong answers of the cache per request, by the share of hits and their precision, of those it is a promise to."""
    hits = [item for item in sample if item.kind is Kind.HIT]
    looked_up = sum(item.layer in _LOOKED_UP for item in sample)
    found = precision(hits)
    if not looked_up or found.right is None or found.low is None or found.high is None:
        return {"promised": rate, "state": "unknown", "errors": None, "low": None, "high": None}
    share = len(hits) / looked_up
    errors, low, high = (share * (1 - part) for part in (found.right, found.high, found.low))
    state = "kept" if high <= rate else "broken" if low > rate else "open"
    return {"promised": rate, "state": state, "errors": errors, "low": low, "high": high}


def _verdicts(judged: Iterable[Item]) -> Json:
    """What people said. What the sample took over of that is no word more."""
    found: Counter[tuple[str, str, str]] = Counter()
    taken = 0
    for item in judged:
        if item.state.taken:
            taken += 1
        elif item.state.verdict is not None:
            found[(str(item.kind), str(item.state.verdict), str(item.state.source or ""))] += 1
    rows = [{"kind": k, "verdict": v, "source": s, "count": count} for (k, v, s), count in sorted(found.items())]
    return {"count": sum(found.values()), "taken_over": taken, "rows": rows}
