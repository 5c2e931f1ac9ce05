"""When a window begins and ends: by the calendar of a time zone, or the time that just passed.

A calendar window begins at the first instant that local clocks show its beginning, or a time after it where they skip
it: a day begins at 01:00 where the clocks go from 00:00 to 01:00. Where the clocks repeat an hour, each of the two is
an hour of its own. So windows tile time, whatever the clocks do.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from litellm_plugins.budgets.ledger import Span
from litellm_plugins.settings.budgets import Unit, Window

_MS: dict[Unit, int] = {"min": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}


def span_at(window: Window, timezone: str, now_ms: int) -> Span:
    """The span of `window` that holds `now_ms`; a rolling one ends with it."""
    if window.rolling:
        return Span(now_ms + 1 - window.count * _MS[window.unit], now_ms + 1, rolling=True)
    zone = ZoneInfo(timezone)
    return _by_clock(window.unit, zone, now_ms) if window.unit in ("min", "h") else _by_date(window.unit, zone, now_ms)


def _by_clock(unit: Unit, zone: ZoneInfo, now_ms: int) -> Span:
    raise NotImplementedError


def _by_date(unit: Unit, zone: ZoneInfo, now_ms: int) -> Span:
    raise NotImplementedError
