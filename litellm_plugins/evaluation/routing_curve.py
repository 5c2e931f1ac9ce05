"""How much of the gap between two models a ranking of prompts recovers, by the share that goes to the strong one.

As in RouteLLM (arXiv 2406.18665, "Metrics"): the performance gap recovered, PGR, is (quality - weak) / (strong - weak).
APGR is its mean over the share of strong calls, CPT(x) the least share at which it is x. RouteLLM's code takes both
from eleven thresholds; here they are exact. Prompts of equal score are taken in random order, in expectation: the
curve is a straight line from before them to after them. A router that knows nothing so has an APGR of 0.50.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Prompts in the order in which they would be given to the strong model."""

    order: Counts
    """Row numbers, the highest score first."""
    ends: Counts
    """Where in `order` each group of equal scores ends."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through points, from (0, 0) to (1, total)."""

    shares: Floats
    totals: Floats

    def at(self, share: float) -> float:
        """The height at a share."""
        return float(np.interp(share, self.shares, self.totals))

    def area(self) -> float:
        """Under the line."""
        return float(np.trapezoid(self.totals, self.shares))

    def first_share(self, height: float) -> float | None:
        """The least share at which the line is that high; None if it never is."""
        above = np.flatnonzero(self.totals >= height - 1e-12)
        if not len(above):
            return None
        right = int(above[0])
        if right == 0:
            return 0.0
        low, high = self.totals[right - 1], self.totals[right]
        part = min(1.0, max(0.0, (height - low) / (high - low)))
        return float(self.shares[right - 1] + part * (self.shares[right] - self.shares[right - 1]))


def rank(scores: Floats) -> Ranking:
    """The highest first."""
    order = np.argsort(-scores, kind="stable")
    steps = np.flatnonzero(np.diff(scores[order])) + 1
    return Ranking(order, np.append(steps, len(scores)).astype(np.int64))


def accumulated(ranking: Ranking, values: Floats, counts: Counts | None = None) -> Curve:
    """The mean over all prompts of the `values` of those given to the strong model.

    Args:
        ranking: of the prompts.
        values: one of each prompt, in the prompts' own order.
        counts: how often each prompt is there, for a bootstrap; once each if None.
    """
    weights = np.ones(len(values)) if counts is None else counts.astype(np.float64)
    total = weights.sum()
    ordered = weights[ranking.order]
    shares = np.cumsum(ordered)[ranking.ends - 1] / total
    heights = np.cumsum(ordered * values[ranking.order])[ranking.ends - 1] / total
    return Curve(np.append(0.0, shares), np.append(0.0, heights))


def recovered(ranking: Ranking, gains: Floats, counts: Counts | None = None) -> Curve | None:
    """PGR by share; None where the strong model is not better, so that there is no gap to recover."""
    curve = accumulated(ranking, gains, counts)
    gap = float(curve.totals[-1])
    return Curve(curve.shares, curve.totals / gap) if gap > 1e-12 else None


def resampled_areas(rankings: list[Ranking], gains: Floats, *, samples: int, seed: int) -> Floats:
    """APGR of each ranking on the same resampled prompts: shape (samples, rankings), less those without a gap."""
    rng = np.random.default_rng(seed)
    n = len(gains)
    even = np.full(n, 1 / n)
    areas = []
    for _ in range(samples):
        counts = rng.multinomial(n, even)
        curves = [recovered(ranking, gains, counts) for ranking in rankings]
        if curves and all(curve is not None for curve in curves):
            areas.append([curve.area() for curve in curves if curve is not None])
    return np.array(areas, dtype=np.float64).reshape(len(areas), len(rankings))


def interval(values: Floats) -> tuple[float, float] | None:
    """The middle 95 %; None of nothing."""
    if not len(values):
        return None
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
