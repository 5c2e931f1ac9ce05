"""Budgets as the page lists them: the fullest first. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from litellm_plugins.budgets.overview_accounts import parts_of
from litellm_plugins.ui import words

_MOST = 50
_NAME = 80
_UNITS = ("usd", "tokens", "requests")
_STATES = {"ok": "ok", "soft": "past a mark", "hard": "used up"}

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """One account."""

    name: str
    holder: str
    state: str  # ok, soft, hard
    state_told: str
    share: float | None  # of the limit, with what is reserved
    amount: str
    window: str
    ends: str
    forecast: str

    @property
    def width(self) -> float:
        """Of the bar, in hundredths."""
        return round(min(100.0, 100 * (self.share or 0.0)), 2)


@dataclass(frozen=True, slots=True)
class Budgets:
    """Those shown, and how many more there are."""

    lines: tuple[BudgetLine, ...]
    more: int


def budgets(accounts: Iterable[Json], *, team_names: frozenset[str] | None, team_keys: Collection[str] = ()) -> Budgets:
    """`team_names`: only of accounts that are this team's, or a part of it; None: of all.

    `team_keys`: the hashes of its keys, for accounts that name nothing else.
    """
    mine = [each for each in accounts if team_names is None or _is_of(each["account"], team_names, team_keys)]
    mine.sort(key=lambda each: (-(each["share_used"] or 0.0), each["account"]))
    return Budgets(tuple(map(_line, mine[:_MOST])), max(0, len(mine) - _MOST))


def _is_of(account: str, team_names: frozenset[str], team_keys: Collection[str]) -> bool:
    scope = parts_of(account)[1]
    return scope["team"] in team_names if "team" in scope else scope.get("key") in team_keys


def _line(told: Json) -> BudgetLine:
    unit = max(_UNITS, key=lambda each: told[each]["share_used"] if told[each]["share_used"] is not None else -1.0)
    meter, window = told[unit], told["window"]
    write = words.usd if unit == "usd" else words.count
    held = (meter["spent"] or 0) + (meter["reserved"] or 0)
    limit = "" if meter["limit"] is None else f" of {write(meter['limit'])}"
    return BudgetLine(
        name=words.cut(told["name"], _NAME),
        holder=words.cut(told["holder"] or "everybody", _NAME),
        state=told["state"] if told["state"] in _STATES else "ok",
        state_told=_STATES.get(told["state"], "ok"),
        share=meter["share_used"],
        amount=f"{write(held)}{limit}" + ("" if unit == "usd" else f" {unit}"),
        window=window["length"] or "",
        ends="" if window["rolling"] else words.moment_of(window["end"]),
        forecast=_forecast(told["forecast"]),
    )


def _forecast(told: Json | None) -> str:
    if told is None:
        return "no limit"
    match told["outlook"]:
        case "reached":
            return "limit reached"
        case "reached_at":
            latest = told["latest"]
            until = f" to {words.moment_of(latest)}" if latest else ", or not at all"
            return f"reached {words.moment_of(told['at'])} (95%: {words.moment_of(told['earliest'])}{until})"
        case "not_before_end":
            return "lasts"
        case _:
            return "too early to say"
