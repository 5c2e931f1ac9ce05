"""The tests against values that stand in textbooks and tables."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as some

from litellm_plugins.routing.significance import Sample, fisher, means, proportions, t_quantile, t_tails

COUNTS = some.integers(0, 40)


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(1, 12.706205), (2, 4.302653), (10, 2.228139), (30, 2.042272), (1e6, 1.959966)]
)
def test_student_s_table(freedom: float, quantile: float) -> None:
    assert t_quantile(0.975, freedom) == pytest.approx(quantile, rel=1e-6)
    assert t_tails(-quantile, freedom) == pytest.approx(0.05, rel=1e-5)


def test_two_proportions() -> None:
    """45 and 30 of 100: z = 0.15 / sqrt(0.375 * 0.625 / 50) = 2.1909."""
    found = proportions(45, 100, 30, 100)
    assert found is not None
    assert found.test == "z"
    assert found.p == pytest.approx(0.028460, rel=1e-4)
    assert (found.low, found.difference, found.high) == pytest.approx((0.0174305, 0.15, 0.2825695), rel=1e-4)


def test_few_of_either_kind_are_counted_out() -> None:
    """Fisher's tea: four of four cups, 1/35 in both directions of (3+1)."""
    assert fisher(4, 4, 0, 4) == pytest.approx(2 / 70)
    assert fisher(8, 10, 1, 6) == pytest.approx(0.0349650, rel=1e-5)
    found = proportions(0, 50, 3, 500)
    assert found is not None
    assert found.test == "fisher"
    assert found.p == pytest.approx(1.0)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_fisher_is_the_same_from_either_side(yes: int, no: int, other_yes: int, other_no: int) -> None:
    here, there = (
        fisher(*each)
        for each in ((yes, yes + no, other_yes, other_yes + other_no), (other_yes, other_yes + other_no, yes, yes + no))
    )
    assert 0 < here <= 1
    assert here == pytest.approx(there)


def test_welch() -> None:
    """Two samples of 15 with means 20.8 and 23.0, variances 7.9 and 3.8: t = -2.49 at 24.9 degrees of freedom."""
    found = means(Sample(15, 20.8, 7.9), Sample(15, 23.0, 3.8))
    assert found is not None
    assert found.p == pytest.approx(0.01977, abs=3e-4)
    assert found.low < found.difference < found.high < 0


def test_chance_is_called_a_difference_as_often_as_is_said() -> None:
    draw, rung = random.Random(7), 0
    for _ in range(1_000):
        samples = []
        for spread in (1.0, 3.0):
            drawn = [draw.gauss(0, spread) for _ in range(20)]
            samples.append(Sample(20, statistics.mean(drawn), statistics.variance(drawn)))
        found = means(*samples)
        assert found is not None
        rung += found.p < 0.05
    assert 30 <= rung <= 70


@pytest.mark.parametrize(("yes", "of"), [(0, 0), (3, 0)])
def test_nothing_is_compared_with_nothing(yes: int, of: int) -> None:
    assert proportions(yes, of, 5, 9) is None
    assert means(Sample(of, 1.0, 1.0), Sample(9, 1.0, 1.0)) is None
    assert means(Sample(9, 1.0, 0.0), Sample(9, 1.0, 0.0)) is None
    assert not math.isnan(fisher(0, 1, 0, 1))
