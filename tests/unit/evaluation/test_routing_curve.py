"""The metrics, against numbers worked out by hand, and what holds for any ranking."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_plugins.evaluation.routing_curve import (
    Curve,
    accumulated,
    interval,
    rank,
    recovered,
    resampled_areas,
)


def curve(scores: list[float], gains: list[float]) -> Curve:
    found = recovered(rank(np.array(scores, float)), np.array(gains, float))
    assert found is not None
    return found


def test_four_prompts_by_hand() -> None:
    """Gains 1, 0, 1, 0 in the ranking's order: PGR goes 0, 1/2, 1/2, 1, 1 at shares 0, 1/4, …, 1."""
    found = curve([0.9, 0.7, 0.5, 0.1], [1, 0, 1, 0])
    assert found.shares.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert found.totals.tolist() == [0, 0.5, 0.5, 1, 1]
    assert found.area() == pytest.approx(0.25 * (0.25 + 0.5 + 0.75 + 1))
    assert found.first_share(0.5) == pytest.approx(0.25)
    assert found.first_share(0.8) == pytest.approx(0.5 + 0.25 * 0.6)
    assert found.at(0.6) == pytest.approx(0.7)


def test_a_gain_below_zero_lets_the_curve_rise_above_one() -> None:
    found = curve([3, 2, 1], [1, 1, -1])
    assert found.totals.tolist() == [0, 1, 2, 1]
    assert found.area() == pytest.approx((0.5 + 1.5 + 1.5) / 3)
    assert found.first_share(0.8) == pytest.approx(0.8 / 3)


def test_prompts_of_equal_score_are_taken_in_expectation() -> None:
    """Two of three tie: the line from 1/3 to 1 is straight, in whatever order they stand in the file."""
    one = curve([2, 1, 1], [0, 1, 0])
    other = curve([2, 1, 1], [0, 0, 1])
    assert one.totals.tolist() == other.totals.tolist() == [0, 0, 1]
    assert one.area() == other.area() == pytest.approx(1 / 3)


def test_no_gap_no_curve() -> None:
    assert recovered(rank(np.array([1.0, 2.0])), np.array([1.0, -1.0])) is None


def test_what_is_never_reached_has_no_share() -> None:
    assert Curve(np.array([0.0, 1.0]), np.array([0.0, 0.4])).first_share(0.5) is None


gains = st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), min_size=1, max_size=40).filter(lambda given: sum(given) > 0)


@given(gains)
def test_a_router_that_says_the_same_of_all_has_one_half(given_gains: list[float]) -> None:
    found = curve([0.3] * len(given_gains), given_gains)
    assert found.area() == pytest.approx(0.5)
    assert found.first_share(0.8) == pytest.approx(0.8)


@given(gains, st.randoms(use_true_random=False))
def test_no_order_beats_the_perfect_one_nor_loses_to_the_worst(given_gains: list[float], chance: object) -> None:
    scores = np.random.default_rng(len(given_gains)).permutation(len(given_gains)).astype(float).tolist()
    best = curve(given_gains, given_gains)
    worst = curve([-gain for gain in given_gains], given_gains)
    found = curve(scores, given_gains)
    assert worst.area() - 1e-9 <= found.area() <= best.area() + 1e-9
    assert worst.area() + best.area() == pytest.approx(1)
    assert best.first_share(0.5) <= found.first_share(0.5) + 1e-9  # type: ignore[operator] # all reach one half


@given(gains)
def test_only_the_order_of_scores_counts(given_gains: list[float]) -> None:
    scores = np.random.default_rng(1).normal(size=len(given_gains)).round(1)
    plain = curve(scores.tolist(), given_gains)
    bent = curve(np.exp(3 * scores).tolist(), given_gains)
    assert plain.totals.tolist() == bent.totals.tolist()


@given(gains)
def test_recovering_more_takes_no_fewer_strong_calls(given_gains: list[float]) -> None:
    found = curve(np.random.default_rng(2).normal(size=len(given_gains)).tolist(), given_gains)
    shares = [found.first_share(height) for height in (0.1, 0.5, 0.8, 1.0)]
    assert shares == sorted(share for share in shares if share is not None)


def test_random_orders_come_to_one_half_on_average() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([1.0] * 30 + [0.0] * 70 + [-1.0] * 10)
    areas = [curve(rng.random(len(truth)).tolist(), truth.tolist()).area() for _ in range(400)]
    assert np.mean(areas) == pytest.approx(0.5, abs=0.015)


def test_dollars_add_up_to_those_of_the_strong_model() -> None:
    found = accumulated(rank(np.array([3.0, 2.0, 1.0])), np.array([0.03, 0.01, 0.02]))
    assert found.totals.tolist() == pytest.approx([0, 0.01, 0.04 / 3, 0.02])


def test_a_resample_counts_a_row_as_often_as_it_is_drawn() -> None:
    ranking = rank(np.array([3.0, 2.0, 1.0]))
    values = np.array([1.0, 0.0, 1.0])
    drawn = accumulated(ranking, values, np.array([2, 0, 1]))
    assert drawn.shares.tolist() == pytest.approx([0, 2 / 3, 2 / 3, 1])
    assert drawn.totals.tolist() == pytest.approx([0, 2 / 3, 2 / 3, 1])


def test_resampling_is_paired_and_can_be_repeated() -> None:
    truth = np.array([1.0, 0.0, 0.0, 1.0, 0.0] * 20)
    good, same = rank(truth + 0.0), rank(2 * truth + 1)
    areas = resampled_areas([good, same], truth, samples=50, seed=3)
    assert areas.shape == (50, 2)
    assert (areas[:, 0] == areas[:, 1]).all()
    assert np.array_equal(areas, resampled_areas([good, same], truth, samples=50, seed=3))


def test_the_interval_is_the_middle_95_percent() -> None:
    assert interval(np.linspace(0, 1, 1001)) == pytest.approx((0.025, 0.975))
    assert interval(np.array([])) is None
