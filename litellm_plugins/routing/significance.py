"""Whether two arms differ by more than chance. Pure, two-sided, without scipy.

Proportions: the pooled two-proportion z test (Fleiss, Levin and Paik 2003, "Statistical Methods for Rates and
Proportions", 2.3); where an expected count is below 5, Fisher's exact test (Fisher 1935): the sum of all tables with
the same margins that are no likelier than this one. Means: Welch's t test (Welch 1947) with the degrees of freedom of
Welch and Satterthwaite; Student's tail by the incomplete beta function, as a continued fraction (Lentz; Press et al.,
"Numerical Recipes", 6.4). Differences come with 95 % intervals: unpooled for proportions (Wald), Welch's for means.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_Z_95 = 1.959963984540054
_FEW = 5
_STEPS, _NEAR, _TINY = 300, 3e-14, 1e-300


@dataclass(frozen=True, slots=True)
class Tested:
    """`difference`: the arm less the control, with its interval of 95 %; `p` of chance alone."""

    difference: float
    low: float
    high: float
    p: float
    test: str  # z, fisher, welch


@dataclass(frozen=True, slots=True)
class Sample:
    """`variance` of the sample, by n - 1."""

    count: int
    mean: float
    variance: float


def proportions(yes: int, of: int, control_yes: int, control_of: int) -> Tested | None:
    """None where one of them has none."""
    if not of or not control_of:
        return None
    share, other = yes / of, control_yes / control_of
    pooled = (yes + control_yes) / (of + control_of)
    spread = _Z_95 * math.sqrt(share * (1 - share) / of + other * (1 - other) / control_of)
    between = (share - other, share - other - spread, share - other + spread)
    if min(of, control_of) * min(pooled, 1 - pooled) < _FEW:
        return Tested(*between, fisher(yes, of, control_yes, control_of), "fisher")
    z = (share - other) / math.sqrt(pooled * (1 - pooled) * (1 / of + 1 / control_of))
    return Tested(*between, math.erfc(abs(z) / math.sqrt(2)), "z")


def fisher(yes: int, of: int, control_yes: int, control_of: int) -> float:
    """The two-sided p."""
    all_yes = yes + control_yes
    whole = _log_choose(of + control_of, all_yes)

    def likely(count: int) -> float:
        return _log_choose(of, count) + _log_choose(control_of, all_yes - count) - whole

    here = likely(yes) + 1e-9
    counts = range(max(0, all_yes - control_of), min(of, all_yes) + 1)
    return min(1.0, math.fsum(math.exp(each) for each in map(likely, counts) if each <= here))


def means(arm: Sample, control: Sample) -> Tested | None:
    """None where one has fewer than two, or nothing varies."""
    if min(arm.count, control.count) < 2:
        return None
    parts = arm.variance / arm.count, control.variance / control.count
    squared = sum(parts)
    if squared <= 0:
        return None
    freedom = squared**2 / (parts[0] ** 2 / (arm.count - 1) + parts[1] ** 2 / (control.count - 1))
    difference, error = arm.mean - control.mean, math.sqrt(squared)
    spread = t_quantile(0.975, freedom) * error
    return Tested(difference, difference - spread, difference + spread, t_tails(difference / error, freedom), "welch")


def t_tails(t: float, freedom: float) -> float:
    """P(|T| >= |t|) of Student's distribution."""
    return _beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def t_quantile(share: float, freedom: float) -> float:
    """The t below which `share` lies, above a half; by bisection."""
    low, high = 0.0, 1.0
    while t_tails(high, freedom) > 2 * (1 - share):
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if t_tails(middle, freedom) > 2 * (1 - share) else (low, middle)
    return high


def _log_choose(of: int, count: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(count + 1) - math.lgamma(of - count + 1)


def _beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return min(1.0, max(0.0, x))
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, _STEPS):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 / _away(1 + step * d), _away(1 + step / c)
            found *= c * d
        if abs(c * d - 1) < _NEAR:
            break
    return found


def _away(number: float) -> float:
    """From zero."""
    return number if abs(number) > _TINY else _TINY
