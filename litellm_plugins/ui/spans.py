"""Stretches of time that can be looked at, cut into columns. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from litellm_plugins.insight.usage import HOUR_S

_HOURS_OF = {"24h": (24, 1), "7d": (168, 6), "30d": (720, 24)}  # how long, and how long a column
SPANS = tuple(_HOURS_OF)
DEFAULT = "7d"


@dataclass(frozen=True, slots=True)
class Span:
    """In hours since 1970, UTC; columns begin at multiples of their length."""

    name: str
    since: int
    until: int
    column_h: int

    @property
    def labels(self) -> tuple[str, ...]:
        """One for each column: when it begins."""
        return tuple(self._label(hour) for hour in range(self.since, self.until, self.column_h))

    def column_of(self, hour: int) -> int:
        """Which one an hour lies in."""
        return (hour - self.since) // self.column_h

    def _label(self, hour: int) -> str:
        at = datetime.fromtimestamp(hour * HOUR_S, UTC)
        return f"{at:%b} {at.day}" if self.column_h >= 24 else f"{at:%b} {at.day}, {at:%H}:00"


def span_of(name: str | None, now_hour: int) -> Span:
    """Up to the running hour; of an unknown name the usual one."""
    named = name if name in _HOURS_OF else DEFAULT
    length, column_h = _HOURS_OF[named]
    until = now_hour + 1
    columns = length // column_h
    last = now_hour // column_h
    return Span(named, (last - columns + 1) * column_h, until, column_h)
