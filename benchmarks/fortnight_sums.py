"""What fortnights come to: rates by day and over seeds, with intervals. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class Day:
    """What became of one."""

    requests: int = 0
    hits: int = 0
    wrong: int = 0  # hits with another group's answer
    judged: int = 0
    found: int = 0  # wrong hits that were judged so
    mistakes: int = 0  # verdicts
    evicted: int = 0
    labelled: int = 0
    overruled: int = 0  # labels of fresh answers, by what a reviewer said of the comparison
    second: int = 0  # opinions, of items that were judged before
    labels: int = 0  # that the verifier has by the end of it, of people or not
    why: dict[str, int] = field(default_factory=dict)  # what the judged items were there for


Days = Sequence[Day]
Runs = Mapping[str, Mapping[int, Days]]  # by reviewer and seed

# Student's t, 97.5 %, by degrees of freedom from 1.
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
_NORMAL = 1.96


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and its interval of 95 % (Student's t); the interval is the whole line of one seed alone."""

    mean: float
    low: float
    high: float


def estimate(values: Sequence[float]) -> Estimate:
    """Of one value a seed."""
    mean = sum(values) / len(values)
    if len(values) == 1:
        return Estimate(mean, -math.inf, math.inf)
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    freedom = len(values) - 1
    spread = (_T[freedom - 1] if freedom <= len(_T) else _NORMAL) * math.sqrt(variance / len(values))
    return Estimate(mean, mean - spread, mean + spread)


def hit_rate(days: Days) -> float:
    """Of all requests."""
    return sum(day.hits for day in days) / sum(day.requests for day in days)


def wrong_rate(days: Days) -> float:
    """Wrong hits per request: what the promise is about."""
    return sum(day.wrong for day in days) / sum(day.requests for day in days)


def wrong_per_hit(days: Days) -> float:
    """Of the hits; 0 where there is none."""
    hits = sum(day.hits for day in days)
    return sum(day.wrong for day in days) / hits if hits else 0.0


def days_over(days: Days, promised: float) -> float:
    """How many days had more wrong hits per request than was promised."""
    return float(sum(day.wrong > promised * day.requests for day in days))


def excess(days: Days, promised: float) -> float:
    """Wrong hits above what was promised for the day, per request of the fortnight."""
    over = sum(max(0.0, day.wrong - promised * day.requests) for day in days)
    return over / sum(day.requests for day in days)


def measures(promised: float) -> dict[str, Callable[[Days], float]]:
    """What is told of a fortnight, by its name."""
    return {
        "hit_rate": hit_rate,
        "hit_rate_second_week": lambda days: hit_rate(days[len(days) // 2 :]),
        "wrong_per_request": wrong_rate,
        "wrong_per_request_second_week": lambda days: wrong_rate(days[len(days) // 2 :]),
        "wrong_per_hit": wrong_per_hit,
        "days_over_promise": lambda days: days_over(days, promised),
        "excess_per_request": lambda days: excess(days, promised),
        "judged": lambda days: float(sum(day.judged for day in days)),
        "found": lambda days: float(sum(day.found for day in days)),
        "evicted": lambda days: float(sum(day.evicted for day in days)),
        "labels_of_people": lambda days: float(sum(day.labelled for day in days)),
        "overruled": lambda days: float(sum(day.overruled for day in days)),
        "second_opinions": lambda days: float(sum(day.second for day in days)),
        "labels": lambda days: float(days[-1].labels),
    }


def summed(runs: Runs, promised: float) -> dict[str, dict[str, Estimate]]:
    """Each reviewer's fortnight, by measure."""
    return {
        reviewer: {name: estimate([of(days) for days in seeds.values()]) for name, of in measures(promised).items()}
        for reviewer, seeds in runs.items()
    }


def compared(runs: Runs, promised: float, reviewer: str) -> dict[str, dict[str, Estimate]]:
    """By how much `reviewer` is above each other one, seed by seed."""
    mine = runs[reviewer]
    return {
        other: {
            name: estimate([of(days) - of(theirs[seed]) for seed, days in mine.items()])
            for name, of in measures(promised).items()
        }
        for other, theirs in runs.items()
        if other != reviewer
    }


def by_day(runs: Runs) -> dict[str, list[dict[str, Estimate]]]:
    """Each reviewer's days: hits and wrong hits per request, wrong ones so far, evictions and labels of people."""
    told = {}
    for reviewer, seeds in runs.items():
        told[reviewer] = [
            {
                "hit_rate": estimate([hit_rate(days[at : at + 1]) for days in seeds.values()]),
                "wrong_per_request": estimate([wrong_rate(days[at : at + 1]) for days in seeds.values()]),
                "wrong_so_far": estimate([wrong_rate(days[: at + 1]) for days in seeds.values()]),
                "evicted": estimate([float(days[at].evicted) for days in seeds.values()]),
                "labels_of_people": estimate([float(days[at].labelled) for days in seeds.values()]),
            }
            for at in range(len(next(iter(seeds.values()))))
        ]
    return told


def gained(runs: Runs, reviewer: str, over: str) -> list[Estimate]:
    """Hits per request so far, day by day, above those of `over`."""
    return [
        estimate([hit_rate(days[: at + 1]) - hit_rate(runs[over][seed][: at + 1])
                  for seed, days in runs[reviewer].items()])
        for at in range(len(next(iter(runs[reviewer].values()))))
    ]  # fmt: skip
