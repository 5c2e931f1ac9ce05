"""From scores of real traffic to a router's thresholds: for a share of strong calls, a budget, or a floor of quality.

A router of n tiers has n - 1 thresholds, and one goal does not say where they all lie. So they are tied together by
one number, the lift: at lift p a tier's share is that of its place in a binomial law of n - 1 tries at p. With two
tiers the lift is the share of the strong one; with more, the middle ones have most where the lift is in the middle.
More lift never sends a prompt to a cheaper tier.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np

from litellm_plugins.errors import PluginError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_STEPS = 200  # lifts that are tried, between none and all
_SAMPLES = 1_000
_DIGITS = 4
_SMALLEST = 10.0**-_DIGITS  # between two thresholds, which must rise


class CannotCalibrate(PluginError):
    """The rows do not allow it; the message says why."""

    code = "cannot_calibrate"


@dataclass(frozen=True, slots=True)
class Traffic:
    """Prompts by their scores, with what each tier made of them, as far as that is known."""

    scores: Floats
    quality: Floats | None = None
    """Shape (prompts, tiers)."""
    usd: Floats | None = None
    """The same; of one answer."""

    def part(self, rows: NDArray[np.int64]) -> Traffic:
        """Some of them, each as often as it is named."""
        quality, usd = (None if each is None else each[rows] for each in (self.quality, self.usd))
        return Traffic(self.scores[rows], quality, usd)


@dataclass(frozen=True, slots=True)
class Goal:
    """What is wanted; one of the three."""

    strong_share: float | None = None
    usd_per_request: float | None = None
    quality_floor: float | None = None
    """As a share of what the dearest tier alone would reach."""


def calibrate(traffic: Traffic, tiers: int, goal: Goal) -> tuple[float, ...]:
    """The thresholds that meet `goal` on this traffic as cheaply as can be. Raises: CannotCalibrate."""
    if goal.strong_share is not None:
        return thresholds_at(traffic.scores, goal.strong_share ** (1 / (tiers - 1)), tiers)
    tried = [thresholds_at(traffic.scores, step / _STEPS, tiers) for step in range(_STEPS + 1)]
    if goal.usd_per_request is not None:
        spent = [_mean(traffic, each, traffic.usd, "costs") for each in tried]
        within = [number for number, usd in enumerate(spent) if usd <= goal.usd_per_request]
        if not within:
            raise CannotCalibrate(f"even the cheapest tier alone costs {spent[0]:.6g} dollars a request")
        return tried[max(within)]
    wanted = (goal.quality_floor or 0.0) * _best(traffic)
    reached = [_mean(traffic, each, traffic.quality, "outcomes") for each in tried]
    # The last that falls short, not the first that reaches it: a dip beyond it would be a floor that does not hold.
    short = [number for number, quality in enumerate(reached) if quality < wanted - 1e-12]
    if short and short[-1] == _STEPS:
        raise CannotCalibrate("not even the dearest tier alone reaches that floor")
    return tried[short[-1] + 1 if short else 0]


def thresholds_at(scores: Floats, lift: float, tiers: int) -> tuple[float, ...]:
    """Rising, each in [0, 1]: the share of scores from the i-th on is that of the tiers above i."""
    ordered, tries = np.sort(scores)[::-1], tiers - 1
    found = []
    for tier in range(tries):
        above = sum(comb(tries, k) * lift**k * (1 - lift) ** (tries - k) for k in range(tier + 1, tries + 1))
        found.append(_cut(ordered, round(above * len(ordered))))
    for at in range(tries):  # they must rise, also where scores are all alike
        found[at] = max(found[at], _SMALLEST * at, found[at - 1] + _SMALLEST if at else 0.0)
    for at in reversed(range(tries)):
        found[at] = min(found[at], 1.0 - _SMALLEST * (tries - 1 - at))
    return tuple(round(value, _DIGITS) for value in found)


def achieved(traffic: Traffic, thresholds: Sequence[float]) -> dict[str, Any]:
    """What these thresholds come to on this traffic."""
    places = _places(traffic, thresholds)
    shares = [float((places == tier).mean()) for tier in range(len(thresholds) + 1)]
    found: dict[str, Any] = {"shares": [round(share, 5) for share in shares], "strong_share": round(shares[-1], 5)}
    if traffic.quality is not None:
        quality = _mean(traffic, thresholds, traffic.quality, "outcomes")
        found["quality"] = round(quality, 5)
        found["quality_of_dearest"] = round(_best(traffic), 5)
        found["quality_share"] = round(quality / _best(traffic), 5) if _best(traffic) else None
    if traffic.usd is not None:
        found["usd_per_request"] = float(f"{_mean(traffic, thresholds, traffic.usd, 'costs'):.6g}")
    return found


def intervals(traffic: Traffic, thresholds: Sequence[float], *, seed: int = 0) -> dict[str, list[float]]:
    """95 % intervals of the same numbers, from resampled prompts."""
    rng, count = np.random.default_rng(seed), len(traffic.scores)
    drawn: dict[str, list[float]] = {}
    for _ in range(_SAMPLES):
        sample = achieved(traffic.part(rng.integers(0, count, count)), thresholds)
        for name in ("strong_share", "quality", "quality_share", "usd_per_request"):
            if sample.get(name) is not None:
                drawn.setdefault(name, []).append(sample[name])
    return {
        f"{name}_ci95": [float(f"{edge:.5g}") for edge in np.quantile(values, [0.025, 0.975])]
        for name, values in drawn.items()
    }


def verdict(goal: Goal, held: dict[str, Any]) -> str:
    """Whether the goal was met on rows that nothing was fitted to: `met`, `within_error` or `missed`."""
    checks: tuple[tuple[float | None, str, Callable[[float, float], bool]], ...] = (
        (goal.strong_share, "strong_share", lambda found, wanted: abs(found - wanted) < 0.005),
        (goal.usd_per_request, "usd_per_request", lambda found, wanted: found <= wanted),
        (goal.quality_floor, "quality_share", lambda found, wanted: found >= wanted),
    )
    for wanted, name, is_met in checks:
        if wanted is not None:
            low, high = held[f"{name}_ci95"]
            if is_met(held[name], wanted):
                return "met"
            return "within_error" if low <= wanted <= high else "missed"
    return "missed"


def _places(traffic: Traffic, thresholds: Sequence[float]) -> NDArray[np.int64]:
    return np.searchsorted(np.array(thresholds), traffic.scores, side="right")


def _mean(traffic: Traffic, thresholds: Sequence[float], values: Floats | None, what: str) -> float:
    if values is None:
        raise CannotCalibrate(f"the rows have no {what} of every tier")
    return float(values[np.arange(len(values)), _places(traffic, thresholds)].mean())


def _best(traffic: Traffic) -> float:
    if traffic.quality is None:
        raise CannotCalibrate("the rows have no outcomes of every tier")
    return float(traffic.quality[:, -1].mean())


def _cut(ordered: Floats, above: int) -> float:
    """Between the last score that is above and the next; nobody above: beyond the highest."""
    if above <= 0:
        return min(1.0, float(ordered[0]) + _SMALLEST)
    return 0.0 if above >= len(ordered) else float(ordered[above - 1] + ordered[above]) / 2
