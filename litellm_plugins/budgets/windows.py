"""When a window begins and ends: by the calendar of a time zone, or the time that just passed. Pure.

However clocks are changed, the windows of a zone tile time: each instant lies in exactly one.
A day, week or month begins at the first instant at which local clocks show its first midnight or more: at 01:00 where
they skip from 00:00 to 01:00, at the first of two midnights where they show it twice. A minute or an hour is measured
along elapsed time, so that a repeated hour has a budget of its own; one that a change of clocks cuts is shorter.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from litellm_plugins.budgets.ledger import Span
from litellm_plugins.settings.budgets import Unit, Window

_MS: dict[Unit, int] = {"min": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_MS = timedelta(milliseconds=1)


def span_at(window: Window, timezone: str, now_ms: int) -> Span:
    """The span of `window` that holds `now_ms`; a rolling one ends with it."""
    if window.rolling:
        return Span(now_ms + 1 - window.count * _MS[window.unit], now_ms + 1, rolling=True)
    zone = ZoneInfo(timezone)
    if window.unit in ("min", "h"):
        return _by_clock(_MS[window.unit], zone, now_ms)
    return _by_date(window.unit, zone, now_ms)


def _by_clock(length_ms: int, zone: ZoneInfo, now_ms: int) -> Span:
    """Cut where a change of clocks moves the beginnings: one of half an hour does, one of a whole hour does not."""
    phase = _phase(length_ms, zone, now_ms)
    start = now_ms - (now_ms + phase) % length_ms
    end = start + length_ms
    if _phase(length_ms, zone, start) != phase:
        start = _first(start, now_ms, lambda at: _phase(length_ms, zone, at) == phase)
    if _phase(length_ms, zone, end - 1) != phase:
        end = _first(now_ms, end - 1, lambda at: _phase(length_ms, zone, at) != phase)
    return Span(start, end)


def _phase(length_ms: int, zone: ZoneInfo, at_ms: int) -> int:
    """How far the zone's windows lie before UTC's."""
    offset = _local(zone, at_ms).utcoffset() or timedelta()
    return offset // _ONE_MS % length_ms


def _by_date(unit: Unit, zone: ZoneInfo, now_ms: int) -> Span:
    first = _first_day(unit, _local(zone, now_ms).date())
    start = _begin(zone, first)
    while True:  # at most thrice: clocks that went back over a midnight, a day that the zone left out
        first = _next(unit, first)
        end = _begin(zone, first)
        if end > now_ms:
            return Span(start, end)
        start = end


def _first_day(unit: Unit, day: date) -> date:
    if unit == "mo":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday() if unit == "w" else 0)


def _next(unit: Unit, first: date) -> date:
    if unit == "mo":
        return (first + timedelta(days=31)).replace(day=1)
    return first + timedelta(days=7 if unit == "w" else 1)


def _begin(zone: ZoneInfo, day: date) -> int:
    """The first instant at which the zone's clocks show the day's midnight or more."""
    midnight = datetime.combine(day, time(), tzinfo=zone)
    at_ms = (midnight - _EPOCH) // _ONE_MS  # the first, where it is shown twice
    earlier_ms = (midnight.replace(fold=1) - _EPOCH) // _ONE_MS
    if earlier_ms >= at_ms:
        return at_ms
    # It is not shown at all: the clocks skip it between these two.
    return _first(earlier_ms, at_ms, lambda at: _local(zone, at).replace(tzinfo=None) >= midnight.replace(tzinfo=None))


def _local(zone: ZoneInfo, at_ms: int) -> datetime:
    return (_EPOCH + at_ms * _ONE_MS).astimezone(zone)


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The first of `low`…`high` for which it holds; it does for `high`, and from the first on for all."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low
