"""Levels that left what is usual: the last hours beside the same hours of the days before. Pure.

Usual is the median of such stretches of hours, an hour earlier and later as well; how far they stray from it is their
median absolute deviation (times 1.4826: the standard deviation, were they normal). One odd day moves neither.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from litellm_plugins.insight.anomalies import Finding, Kind
from litellm_plugins.insight.history import EVERYTHING, LEVELS, Point, Series, Subject
from litellm_plugins.settings.insight import Anomalies

DAY = 24
STRETCH = 3  # hours that are looked at together
_FEWEST = 9  # stretches that can say what is usual: three days of them
_SIGMAS = 4.0
_PER_MAD = 1.4826
_WEEKEND = frozenset({2, 3})  # day numbers since 1970, a Thursday, modulo 7

Measure = Callable[[Point], tuple[int, int]]  # of what, over how many


class Usual(NamedTuple):
    """What stretches before had."""

    level: float
    strays: float  # as a standard deviation
    many: float  # requests, in each


def cost_per_request(series: Mapping[Subject, Series], hour: int, settings: Anomalies) -> Iterator[Finding]:
    """Of answers that a model gave, in dollars. `hour` is the running one, which is not looked at."""
    if settings.cost_per_request is None:
        return
    for subject, each in _levels(series):
        yield from _risen("cost_per_request", subject, each, hour, settings, settings.cost_per_request, _cost)


def prompt_tokens(series: Mapping[Subject, Series], hour: int, settings: Anomalies) -> Iterator[Finding]:
    """Of a feature, per answer of a model, over a day: they creep, so the day before says nothing of what is usual."""
    if settings.prompt_tokens is None:
        return
    for subject, each in series.items():
        if subject[0] != "feature" and subject != EVERYTHING:
            continue
        amount, count = _over(each, hour, _prompt, DAY)
        if count < settings.min_requests:
            continue
        days = [_over(each, hour - DAY * k, _prompt, DAY) for k in range(2, settings.history_days)]
        usual = _usual(days, settings.min_requests, fewest=3)
        if usual is not None and _is_high(amount / count, count, usual, settings.prompt_tokens):
            weight = amount - usual.level * count
            yield Finding("prompt_tokens", subject, hour - DAY, hour, count, amount / count, usual.level, weight)


def hit_rate(series: Mapping[Subject, Series], hour: int, settings: Anomalies) -> Iterator[Finding]:
    """Of the requests that were looked up, the share that the cache answered."""
    if settings.hit_rate is None:
        return
    for subject, each in _levels(series):
        hits, count = _over(each, hour, _hits)
        if count < settings.min_requests:
            continue
        usual = _usual(_same_hours(each, hour, settings, _hits), settings.min_requests // 2)
        if usual is None or usual.level < 0.05:
            continue
        rate, level = hits / count, usual.level
        chance = math.sqrt(level * (1 - level) / count)
        fallen = level - rate
        if fallen > settings.hit_rate * level and fallen > _SIGMAS * max(usual.strays, chance, 0.01):
            hours = [each[at] for at in range(hour - STRETCH, hour) if at in each and each[at].looked_up >= 10]
            below = [p for p in hours if p.hits / p.looked_up < level - settings.hit_rate * level]
            if 2 * len(below) > len(hours):
                yield Finding("hit_rate", subject, hour - STRETCH, hour, count, rate, level, fallen * count)


def _risen(
    kind: Kind, subject: Subject, each: Series, hour: int, settings: Anomalies, rise: float, measure: Measure
) -> Iterator[Finding]:
    amount, count = _over(each, hour, measure)
    if count < settings.min_requests or amount <= 0:
        return
    usual = _usual(_same_hours(each, hour, settings, measure), settings.min_requests // 2)
    value = amount / count
    if usual is None or value <= usual.level * (1 + rise):
        return
    # One dear request is another matter: most of the hours must be dear, each by itself.
    hours = [measure(each[at]) for at in range(hour - STRETCH, hour) if at in each]
    high = [sub for sub in hours if sub[1] and sub[0] / sub[1] > usual.level * (1 + rise)]
    if 2 * len(high) <= len(hours):
        return
    chance = _scatter(each, hour, settings, measure) / math.sqrt(count)
    if math.log(value / usual.level) > _SIGMAS * max(chance, usual.strays / usual.level, 0.03):
        weight = amount - usual.level * count
        yield Finding(kind, subject, hour - STRETCH, hour, count, value, usual.level, weight)


def _scatter(each: Series, hour: int, settings: Anomalies, measure: Measure) -> float:
    """How far, as a share, one request strays: from what stretches a day apart differ by, and how many were in each.

    Costs have a long tail, so few hours of a weekend say too little of how far their mean may stray; all hours do.
    """
    found = []
    for until in range(hour, hour - DAY * (settings.history_days - 1), -STRETCH):
        (one, many), (other, more) = _over(each, until, measure), _over(each, until - DAY, measure)
        if min(one, other) > 0 and min(many, more) >= _FEWEST:
            found.append(abs(math.log(one * more / (other * many))) / math.sqrt(1 / many + 1 / more))
    return _PER_MAD * median(found) if found else math.inf


def _is_high(value: float, count: float, usual: Usual, rise: float) -> bool:
    # Fewer requests than usual stray further.
    strays = usual.strays * max(1.0, math.sqrt(usual.many / count))
    return value > usual.level * (1 + rise) and value > usual.level + _SIGMAS * max(strays, 0.03 * usual.level)


def _usual(stretches: Sequence[tuple[int, int]], least: int, *, fewest: int = _FEWEST) -> Usual | None:
    enough = [(amount / count, count) for amount, count in stretches if count >= max(1, least)]
    if len(enough) < fewest:
        return None
    level = median(value for value, _ in enough)
    if level <= 0:
        return None
    strays = _PER_MAD * median(abs(value - level) for value, _ in enough)
    strays *= 1 + 4 / len(enough)  # few stretches say little of how far they stray
    return Usual(level, strays, median(count for _, count in enough))


def _same_hours(each: Series, hour: int, settings: Anomalies, measure: Measure) -> list[tuple[int, int]]:
    """Those of working days for a working day, of weekends for a weekend, once there are enough of these."""
    kind = _is_weekend(hour)
    alike: list[tuple[int, int]] = []
    others: list[tuple[int, int]] = []
    for day in range(1, settings.history_days):
        ends = hour - DAY * day
        found = [_over(each, ends + shift, measure) for shift in (-1, 0, 1)]
        (alike if _is_weekend(ends) == kind else others).extend(stretch for stretch in found if stretch[1])
    return alike if len(alike) >= _FEWEST else [*alike, *others]


def _over(each: Series, until: int, measure: Measure, hours: int = STRETCH) -> tuple[int, int]:
    """What and over how many, in so many hours before `until`."""
    what = many = 0
    for hour in range(until - hours, until):
        if (point := each.get(hour)) is not None:
            amount, count = measure(point)
            what += amount
            many += count
    return what, many


def _is_weekend(hour: int) -> bool:
    return (hour // DAY) % 7 in _WEEKEND


def _levels(series: Mapping[Subject, Series]) -> Iterator[tuple[Subject, Series]]:
    return ((subject, each) for subject, each in series.items() if subject == EVERYTHING or subject[0] in LEVELS)


def _cost(p: Point) -> tuple[int, int]:
    return p.spent, p.paid


def _prompt(p: Point) -> tuple[int, int]:
    return p.prompt, p.paid


def _hits(p: Point) -> tuple[int, int]:
    return p.hits, p.looked_up
