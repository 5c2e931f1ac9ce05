"""Hits against wrong answers at several promises: whose reviewer gets more of the one for the same of the other. Pure.

A threshold trades hits for wrong answers, so that a reviewer who only moves it shows more hits, or fewer wrong answers,
and has taught nothing. Who teaches something moves the whole curve (as of receiver operating characteristics: Fawcett
2006).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.fortnight_sums import Estimate, Runs, estimate, hit_rate, wrong_rate

_DRAWS, _SEED = 4_000, 1
_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 520, 400, 64, 44, 24, 60
_COLOURS = {"random": "#0072b2", "queue": "#009e73"}  # Okabe and Ito
_TICKS = 4

Rates = npt.NDArray[np.float64]  # shape (promises, seeds)


@dataclass(frozen=True)
class Point:
    """A reviewer at one promise."""

    promised: float
    hits: Estimate
    wrong: Estimate


@dataclass(frozen=True)
class Gap:
    """By how much one reviewer's curve lies off another's, both measured at the same promises."""

    hits_at_equal_wrong: Estimate
    wrong_at_equal_hits: Estimate
    wrong_per_hit: Estimate  # of the hits that a higher promise adds: the slope of both curves


def points(by_promise: Mapping[float, Runs], reviewer: str) -> list[Point]:
    """A reviewer's curve."""
    told = []
    for promised, runs in sorted(by_promise.items()):
        of = list(runs[reviewer].values())
        told.append(Point(promised, estimate([hit_rate(d) for d in of]), estimate([wrong_rate(d) for d in of])))
    return told


def gap(by_promise: Mapping[float, Runs], reviewer: str, over: str) -> Gap:
    """`reviewer`'s curve above that of `over`. Takes two promises or more.

    The slope is that of both curves, by least squares, each around its own middle. Intervals are of 95 %, by drawing
    seeds with replacement (percentiles: Efron and Tibshirani 1993, 13.3), all of a seed's fortnights together.
    """
    promises = sorted(by_promise)
    seeds = sorted(by_promise[promises[0]][reviewer])
    hits, wrong = (
        {
            name: np.array([[of(by_promise[p][name][seed]) for seed in seeds] for p in promises])
            for name in (reviewer, over)
        }
        for of in (hit_rate, wrong_rate)
    )
    chance = np.random.default_rng(_SEED)
    drawn = [chance.integers(0, len(seeds), len(seeds)) for _ in range(_DRAWS)]
    at_all = np.arange(len(seeds))
    means = _gap(hits, wrong, reviewer, over, at_all)
    spread = np.array([_gap(hits, wrong, reviewer, over, some) for some in drawn])
    low, high = np.quantile(spread, (0.025, 0.975), axis=0)
    return Gap(*(Estimate(*map(float, each)) for each in zip(means, low, high, strict=True)))


def _gap(
    hits: Mapping[str, Rates], wrong: Mapping[str, Rates], reviewer: str, over: str, seeds: npt.NDArray[np.int64]
) -> tuple[float, float, float]:
    h, w = ({name: rates[name][:, seeds].mean(axis=1) for name in (reviewer, over)} for rates in (hits, wrong))
    around = [(h[name] - h[name].mean(), w[name] - w[name].mean()) for name in (reviewer, over)]
    slope = sum(float(x @ y) for x, y in around) / sum(float(x @ x) for x, _ in around)
    more, worse = float((h[reviewer] - h[over]).mean()), float((w[reviewer] - w[over]).mean())
    return more - worse / slope, worse - slope * more, slope


def drawing(curves: Mapping[str, Sequence[Point]]) -> str:
    """As SVG: a curve for each reviewer, with the promise beside each point and the interval of its wrong answers."""
    every = [point for each in curves.values() for point in each]
    xs = _span([point.hits.mean for point in every])
    ys = _span([value for point in every for value in (point.wrong.low, point.wrong.high)])

    def at(x: float, y: float) -> tuple[float, float]:
        right, down = (x - xs[0]) / (xs[1] - xs[0]), (ys[1] - y) / (ys[1] - ys[0])
        return _LEFT + right * (_WIDTH - _LEFT - _RIGHT), _TOP + down * (_HEIGHT - _TOP - _BOTTOM)

    out = [f'<text x="{_LEFT}" y="24" font-weight="bold">Hits and wrong answers a request, by what is promised</text>']
    for tick in range(_TICKS + 1):
        x, y = (low + (high - low) * tick / _TICKS for low, high in (xs, ys))
        (left, down), (right, _) = at(xs[0], y), at(xs[1], y)
        out.append(f'<path d="M{left:.1f} {down:.1f}H{right:.1f}" stroke="#e5e7eb"/>')
        out.append(f'<text x="{left - 6:.1f}" y="{down + 4:.1f}" text-anchor="end">{y:.2%}</text>')
        out.append(f'<text x="{at(x, y)[0]:.1f}" y="{_HEIGHT - _BOTTOM + 20}" text-anchor="middle">{x:.1%}</text>')
    out.append(
        f'<text x="{_LEFT}" y="{_HEIGHT - 12}" fill="#6b7280">hits; lines up and down: 95 % of wrong answers</text>'
    )
    for name, each in curves.items():
        colour = _COLOURS.get(name, "#000000")
        line = " ".join("{:.1f},{:.1f}".format(*at(point.hits.mean, point.wrong.mean)) for point in each)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for point in each:
            x, y = at(point.hits.mean, point.wrong.mean)
            top, bottom = (at(point.hits.mean, value)[1] for value in (point.wrong.high, point.wrong.low))
            out.append(f'<path d="M{x:.1f} {top:.1f}V{bottom:.1f}" stroke="{colour}" stroke-opacity="0.35"/>')
            out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
            out.append(f'<text x="{x + 7:.1f}" y="{y + 14:.1f}" font-size="10">{point.promised:.1%}</text>')
        x, y = at(each[-1].hits.mean, each[-1].wrong.mean)
        out.append(f'<text x="{x - 8:.1f}" y="{y - 8:.1f}" text-anchor="end" fill="{colour}">{name}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'font-family="DejaVu Sans, Arial, sans-serif" font-size="12" fill="#1f2937">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{"".join(out)}</svg>'
    )


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    edge = (high - low) * 0.1 or 0.01
    return low - edge, high + edge
