"""When a window's limit will be reached, if things go on as they do. Pure.

Calendar windows: what was spent so far over the time that passed is the rate, and the rest of the limit over that rate
is the time that is left (a straight line through the window's beginning). How far that may be off is taken from the
number of requests `n`: as a Poisson count its square root varies by 1/2 whatever its size (Bartlett 1936, "The square
root transformation in analysis of variance"), so that with 95 % the rate lies within `(1 ± 0.98 / sqrt(n))²` of it.
That holds for requests that cost much the same and come at random: one dear request among cheap ones, or a quiet night
before a busy day, can be further off.

Rolling windows lose what is old: what counts is how fast the sum grows, from one look at it to another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from litellm_plugins.budgets.ledger import Span

Outlook = Literal["reached", "reached_at", "not_before_end", "too_early"]

_EARLY = 20  # the first twentieth of a window says nothing of the rest of it
_FEW = 5  # nor do so few requests, unless even the highest rate that they allow is low enough
_LOOKS_APART_MS = 3_600_000  # at most, of a long rolling window
_QUANTILE = 1.96 / 2  # of a normal distribution, 95 %; the deviation of the root of a Poisson count is 1/2


@dataclass(frozen=True, slots=True)
class Forecast:
    """`at_ms` is set where the limit is reached before the window ends; the other two bound it with 95 %."""

    outlook: Outlook
    at_ms: int | None = None
    earliest_ms: int | None = None
    latest_ms: int | None = None  # None beside `at_ms`: it may be that it is not reached at all


@dataclass(frozen=True, slots=True)
class Look:
    """What an account had spent at some time."""

    at_ms: int
    spent: int


REACHED = Forecast("reached")
NOT_BEFORE_END = Forecast("not_before_end")  # of a rolling window: not before one length has passed
TOO_EARLY = Forecast("too_early")


def forecast(
    span: Span, *, limit: int, spent: int, requests: int, now_ms: int, earlier: Look | None = None
) -> Forecast:
    """Of one limit. `requests` are those that were spent by; `earlier` is needed for rolling windows only."""
    if spent >= limit:
        return REACHED
    if span.rolling:
        return _rolling(span, limit - spent, spent, now_ms, earlier)
    elapsed_ms = now_ms - span.start_ms
    if elapsed_ms * _EARLY < span.length_ms:
        return TOO_EARLY
    if spent <= 0 or now_ms >= span.end_ms:
        return NOT_BEFORE_END
    left_ms, off = -(-(limit - spent) * elapsed_ms // spent), _QUANTILE / math.sqrt(max(1, requests))
    earliest_ms = now_ms + math.floor(left_ms / (1 + off) ** 2)
    if earliest_ms >= span.end_ms:
        return NOT_BEFORE_END
    if requests < _FEW:
        return TOO_EARLY
    at_ms, latest_ms = now_ms + left_ms, now_ms + math.ceil(left_ms / (1 - off) ** 2)
    if at_ms >= span.end_ms:
        return NOT_BEFORE_END
    return Forecast("reached_at", at_ms, earliest_ms, latest_ms if latest_ms < span.end_ms else None)


def apart_ms(span: Span) -> int:
    """How far apart two looks at a rolling window have to be, to say how it grows."""
    return max(1, min(span.length_ms // _EARLY, _LOOKS_APART_MS))


def _rolling(span: Span, left: int, spent: int, now_ms: int, earlier: Look | None) -> Forecast:
    if earlier is None or now_ms - earlier.at_ms < apart_ms(span):
        return TOO_EARLY
    grown = spent - earlier.spent
    if grown <= 0:
        return NOT_BEFORE_END
    at_ms = now_ms - (-left * (now_ms - earlier.at_ms) // grown)
    return Forecast("reached_at", at_ms) if at_ms < now_ms + span.length_ms else NOT_BEFORE_END
