"""An account as the administrator's routes tell it. Pure."""

from __future__ import annotations

from typing import Any

from litellm_plugins.alerts.message import iso
from litellm_plugins.budgets.alerting_words import number
from litellm_plugins.budgets.forecast import Forecast
from litellm_plugins.budgets.overview import AccountView, Meter
from litellm_plugins.model import BudgetState
from litellm_plugins.settings.budgets import Budget, Window

_FIELDS = ("limit", "spent", "reserved", "unconfirmed", "remaining")
_STATES = {BudgetState.OK: "ok", BudgetState.SOFT: "soft", BudgetState.DENIED: "hard"}


def as_json(view: AccountView) -> dict[str, Any]:
    """Dollars as numbers to read, and to the nano-dollar beside them."""
    fullest = view.fullest
    return {
        "name": view.name,
        "account": view.account,
        "holder": view.holder,
        "state": _STATES[view.state],
        "share_used": _share(fullest),
        "window": {**_window(view.budget), **_span(view)},
        "usd": _meter(view.meters[0]),
        "nano_usd": {field: getattr(view.meters[0], field) for field in _FIELDS},
        "tokens": _meter(view.meters[1]),
        "requests": _meter(view.meters[2]),
        "forecast": _forecast(fullest.forecast if fullest else None),
        "soft": list(view.budget.soft) if view.budget else [],
        "limit_by": _limit_by(view),
    }


def window_words(window: Window) -> str:
    """As the settings write it."""
    return f"{window.count}{window.unit}" + (" rolling" if window.rolling and window.count == 1 else "")


def _window(budget: Budget | None) -> dict[str, Any]:
    if budget is None:
        return {"length": None, "timezone": None}
    return {"length": window_words(budget.window), "timezone": budget.timezone}


def _span(view: AccountView) -> dict[str, Any]:
    zone = view.budget.timezone if view.budget else "UTC"
    start, end = (iso(each, zone) for each in (view.span.start_ms, view.span.end_ms))
    return {"start": start, "end": end, "rolling": view.span.rolling}


def _meter(meter: Meter) -> dict[str, Any]:
    told = {field: number(getattr(meter, field), meter.metric) for field in _FIELDS}
    return {**told, "share_used": _share(meter), "forecast": _forecast(meter.forecast)}


def _share(meter: Meter | None) -> float | None:
    return None if meter is None or meter.limit is None else round(float(meter.share_held), 6)


def _forecast(told: Forecast | None) -> dict[str, Any] | None:
    if told is None:
        return None
    at, earliest, latest = (iso(each) for each in (told.at_ms, told.earliest_ms, told.latest_ms))
    return {"outlook": told.outlook, "at": at, "earliest": earliest, "latest": latest}


def _limit_by(view: AccountView) -> str:
    if view.by_admin:
        return "admin"
    if view.by_holder:
        return "metadata"
    return "settings" if view.budget else "unknown"  # settings of the past, or metadata that was not seen yet
