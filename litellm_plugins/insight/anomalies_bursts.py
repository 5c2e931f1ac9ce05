"""What is strange at once: a storm of retries, a user's day, one dear request. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median

from litellm_plugins.insight.anomalies import Finding
from litellm_plugins.insight.history import CALLERS, EVERYTHING, NOTHING, Point, Series, Subject
from litellm_plugins.insight.usage import Example
from litellm_plugins.settings.insight import Anomalies

_DAY = 24
_WEEK = 7 * _DAY
_KNOWN_AFTER = 24  # hours with requests, until it is known how many a caller usually makes
_ABOVE_USUAL = 3
_REPEATS, _REPEATS_ALIKE, _FEWEST_REPEATS = 20, 10, 200  # times the usual; the same where most are for what was asked
_TRIES = 2.0  # calls of deployments per request
_FAR = 20  # times what a request of the model group usually costs


def retry_storm(series: Mapping[Subject, Series], hours: Sequence[int], settings: Anomalies) -> Iterator[Finding]:
    """In each of these hours, of which the last may be running."""
    if settings.retries is None:
        return
    for subject, each in series.items():
        for hour in hours:
            now = each.get(hour, NOTHING)
            before = [each[at] for at in range(hour - _WEEK, hour) if at in each]
            if subject == EVERYTHING or subject[0] in CALLERS or subject[0] == "model_group":
                yield from _failing(subject, hour, now, before, settings.retries)
            if subject[0] == "model_group":
                yield from _tried_again(subject, hour, now, before, settings.retries)
            if subject[0] in CALLERS:
                yield from _repeating(subject, hour, now, before)


def user_day(spent: Mapping[Subject, tuple[int, int]], hour: int, settings: Anomalies) -> Iterator[Finding]:
    """Users who spent more than they may in this UTC day; `spent` is by whom: nano-dollars, and requests."""
    limit, begins = settings.user_day_nano_usd, hour - hour % _DAY
    if limit is None:
        return
    for subject, (nano_usd, requests) in spent.items():
        if nano_usd > limit:
            yield Finding("user_day", subject, begins, hour + 1, requests, nano_usd, limit, nano_usd)


def dear_request(
    calls: Iterable[Example], series: Mapping[Subject, Series], hour: int, settings: Anomalies
) -> Iterator[Finding]:
    """Single requests that cost more than any should, and far more than is usual where that is known."""
    limit = settings.dear_request_nano_usd
    if limit is None:
        return
    for call in calls:
        if call.spent_nano_usd <= limit:
            continue
        usual = _usual_cost(series.get(("model_group", call.model_group), {}), hour)
        if usual is None or call.spent_nano_usd > _FAR * usual:
            who = next((("user", call.user) for _ in range(1) if call.user), ("key", call.key))
            yield Finding(
                "dear_request", who, hour, hour + 1, 1, call.spent_nano_usd, usual, call.spent_nano_usd, call=call
            )


def _failing(subject: Subject, hour: int, now: Point, before: Sequence[Point], least: int) -> Iterator[Finding]:
    usual = median(p.failed for p in before) if before else 0
    # Everybody's failures are no storm while they are few among many requests; a caller's are one of its own.
    if now.failed >= max(least, _ABOVE_USUAL * usual) and 2 * now.failed >= now.requests:
        yield Finding(
            "retry_storm", subject, hour, hour + 1, now.requests, now.failed, usual, now.failed, cause="failures"
        )


def _tried_again(subject: Subject, hour: int, now: Point, before: Sequence[Point], least: int) -> Iterator[Finding]:
    tried = [p.attempts / p.called for p in before if p.called]
    usual = median(tried) if tried else 1.0
    if now.called >= least and now.attempts >= max(_TRIES, 1.5 * usual) * now.called:
        each, more = now.attempts / now.called, now.attempts - now.called
        yield Finding("retry_storm", subject, hour, hour + 1, now.called, each, usual, more, cause="attempts")


def _repeating(subject: Subject, hour: int, now: Point, before: Sequence[Point]) -> Iterator[Finding]:
    if len(before) < _KNOWN_AFTER or now.requests < _FEWEST_REPEATS:
        return
    usual = median(p.requests for p in before)
    alike = 2 * (now.exact + now.failed) >= now.requests
    if now.requests >= (_REPEATS_ALIKE if alike else _REPEATS) * usual:
        more = now.requests - usual
        yield Finding("retry_storm", subject, hour, hour + 1, now.requests, now.requests, usual, more, cause="repeats")


def _usual_cost(each: Series, hour: int) -> float | None:
    hours = [p.spent / p.paid for at, p in each.items() if p.paid and at < hour]
    return median(hours) if len(hours) >= _KNOWN_AFTER else None
