"""What came of routed requests: sums, and sums of squares, by route and ending. Pure, all integers."""

from __future__ import annotations

from operator import add
from typing import NamedTuple

from litellm_plugins.telemetry.events import CallFinished

_SQUARED_NANO_USD = 100  # in whose squares costs are summed: a dollar's is 10^14
_MOST = 2**62  # that an SQLite file takes at once


class RouteSums(NamedTuple):
    """Of any number of calls that one route ended alike."""

    requests: int = 0
    retried: int = 0  # that took more than one call of a deployment: a retry, or a fallback
    nano_usd: int = 0  # the provider's and the pack's own
    usd_squares: int = 0  # of each request's cost, in (100 nano-dollars)^2
    took_ms: int = 0
    took_squares: int = 0  # ms^2

    def plus(self, other: RouteSums) -> RouteSums:
        """Both together."""
        return RouteSums(*map(add, self, other))


RouteWords = tuple[str, str]  # the route (`Request.route`), and how it ended


def route_sums(call: CallFinished) -> RouteSums:
    """Of one."""
    nano_usd, took_ms = call.spent_nano_usd + call.own_nano_usd, round(call.took_ms)
    squared = min(_MOST, (nano_usd // _SQUARED_NANO_USD) ** 2)
    return RouteSums(1, int(call.attempts > 1), nano_usd, squared, took_ms, min(_MOST, took_ms**2))


def mean_usd(sums: RouteSums) -> tuple[float, float]:
    """Dollars of a request: mean, and the variance of a sample (n - 1); 0 where there are too few."""
    unit = _SQUARED_NANO_USD * 1e-9
    return _moments(sums.requests, sums.nano_usd * 1e-9, sums.usd_squares * unit**2)


def mean_ms(sums: RouteSums) -> tuple[float, float]:
    """The same of how long they took."""
    return _moments(sums.requests, sums.took_ms, sums.took_squares)


def _moments(count: int, total: float, squares: float) -> tuple[float, float]:
    if count == 0:
        return 0.0, 0.0
    mean = total / count
    return mean, max(0.0, squares - count * mean * mean) / (count - 1) if count > 1 else 0.0
