"""Before and after of each verifier and router that took over, as the page tells it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litellm_plugins.ui import words

_MOST = 8  # the newest; all of them are in the report
_NAME = 80  # characters
_STATES = {"better": "better", "worse": "worse", "not_shown": "no difference shown", "too_few": "too few verdicts"}


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One that took over."""

    at: str
    what: str
    before: str  # right, with the interval; or of how many verdicts nothing can be said
    after: str
    difference: str
    state: str  # the report's word
    state_told: str


def changes(report: Mapping[str, Any]) -> tuple[ChangeLine, ...]:
    """Out of the review's report, the newest first."""
    told = report.get("promotions", {})
    rows = [(kind, row) for kind in ("verifier", "router") for row in told.get(kind, ())]
    newest = sorted(rows, key=lambda each: -each[1]["at_s"])[:_MOST]
    return tuple(_line(kind, row) for kind, row in newest)


def _line(kind: str, row: Mapping[str, Any]) -> ChangeLine:
    difference, state = row.get("difference"), str(row.get("state"))
    return ChangeLine(
        at=words.moment(round(row["at_s"] * 1_000)),
        what=f"{kind} of {words.cut(row.get('of'), _NAME)}",
        before=_precision(row["before"]),
        after=_precision(row["after"]),
        difference=words.NOTHING if difference is None else _points(difference),
        state=state,
        state_told=_STATES.get(state, words.cut(state, _NAME)),
    )


def _precision(told: Mapping[str, Any]) -> str:
    if told.get("right") is None:
        return f"{words.count(told.get('judged'))} judged"
    share, low, high = (words.percent(told[name], 1) for name in ("right", "low", "high"))
    return f"{share} right ({low} to {high})"


def _points(difference: Mapping[str, float]) -> str:
    middle, low, high = (f"{100 * difference[name]:+.1f}" for name in ("right", "low", "high"))
    return f"{middle} points ({low} to {high})"
