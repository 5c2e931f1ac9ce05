"""Thresholds for a share, a budget or a floor, and what they come to on other rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_plugins.routing.calibration import (
    CannotCalibrate,
    Goal,
    Traffic,
    achieved,
    calibrate,
    intervals,
    thresholds_at,
    verdict,
)


def traffic(seed: int, count: int = 2_000, *, tiers: int = 2) -> Traffic:
    """The dearer a tier the better, and the more so the higher the score."""
    rng = np.random.default_rng(seed)
    scores = rng.random(count)
    gains = np.linspace(0, 0.6, tiers)
    chances = 0.9 - 0.8 * scores[:, None] + gains[None, :] * scores[:, None]
    quality = (rng.random(count)[:, None] < chances).astype(float)
    usd = np.tile(0.001 * 10.0 ** np.arange(tiers), (count, 1))
    return Traffic(scores, quality, usd)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_a_share_of_strong_calls_is_met_on_other_rows(share: float) -> None:
    thresholds = calibrate(traffic(0), 2, Goal(strong_share=share))
    assert achieved(traffic(1), thresholds)["strong_share"] == pytest.approx(share, abs=0.03)


def test_a_share_of_strong_calls_is_met_with_several_tiers_too() -> None:
    thresholds = calibrate(traffic(0, tiers=4), 4, Goal(strong_share=0.2))
    shares = achieved(traffic(1, tiers=4), thresholds)["shares"]
    assert shares[-1] == pytest.approx(0.2, abs=0.03)
    assert min(shares) > 0


def test_a_budget_is_kept_and_spent() -> None:
    thresholds = calibrate(traffic(0), 2, Goal(usd_per_request=0.004))
    spent = achieved(traffic(0), thresholds)["usd_per_request"]
    assert 0.0039 < spent <= 0.004
    assert calibrate(traffic(0), 2, Goal(usd_per_request=1.0)) == thresholds_at(traffic(0).scores, 1.0, 2)


def test_a_floor_is_kept_with_no_more_strong_calls_than_it_takes() -> None:
    here = traffic(0)
    thresholds = calibrate(here, 2, Goal(quality_floor=0.9))
    found = achieved(here, thresholds)
    assert 0.9 <= found["quality_share"] < 0.92
    assert found["strong_share"] < 0.9
    held = achieved(traffic(1), thresholds) | intervals(traffic(1), thresholds)
    assert verdict(Goal(quality_floor=0.9), held) in {"met", "within_error"}
    assert held["quality_share_ci95"][0] < held["quality_share"] < held["quality_share_ci95"][1]


@pytest.mark.parametrize(
    ("goal", "why"),
    [
        (Goal(usd_per_request=0.0001), "even the cheapest tier alone costs 0.001"),
        (Goal(quality_floor=1.2), "not even the dearest"),
    ],
)
def test_what_no_threshold_can_do_is_said(goal: Goal, why: str) -> None:
    with pytest.raises(CannotCalibrate, match=why):
        calibrate(traffic(0), 2, goal)


def test_without_outcomes_or_costs_only_shares_can_be_had() -> None:
    bare = Traffic(traffic(0).scores)
    assert calibrate(bare, 2, Goal(strong_share=0.3))
    with pytest.raises(CannotCalibrate, match="no outcomes"):
        calibrate(bare, 2, Goal(quality_floor=0.5))
    with pytest.raises(CannotCalibrate, match="no costs"):
        calibrate(bare, 2, Goal(usd_per_request=0.5))


@pytest.mark.parametrize(
    ("goal", "found", "said"),
    [
        (Goal(strong_share=0.3), {"strong_share": 0.302, "strong_share_ci95": [0.25, 0.35]}, "met"),
        (Goal(strong_share=0.3), {"strong_share": 0.32, "strong_share_ci95": [0.29, 0.35]}, "within_error"),
        (Goal(strong_share=0.3), {"strong_share": 0.4, "strong_share_ci95": [0.35, 0.45]}, "missed"),
        (Goal(usd_per_request=0.5), {"usd_per_request": 0.6, "usd_per_request_ci95": [0.55, 0.65]}, "missed"),
        (Goal(quality_floor=0.9), {"quality_share": 0.89, "quality_share_ci95": [0.87, 0.91]}, "within_error"),
    ],
)
def test_the_verdict_is_that_of_the_rows_that_were_held_back(goal: Goal, found: dict[str, object], said: str) -> None:
    assert verdict(goal, found) == said


@given(
    scores=st.lists(st.floats(0, 1), min_size=1, max_size=60),
    lift=st.floats(0, 1),
    tiers=st.integers(2, 6),
)
def test_thresholds_always_rise_within_bounds(scores: list[float], lift: float, tiers: int) -> None:
    """As the settings demand, whatever the scores: also where they are all alike."""
    found = thresholds_at(np.array(scores), lift, tiers)
    assert len(found) == tiers - 1
    assert list(found) == sorted(set(found))
    assert all(0 <= value <= 1 for value in found)
