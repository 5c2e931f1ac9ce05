"""What a plain cosine would have done."""

from __future__ import annotations

import numpy as np
import pytest

from litellm_plugins.evaluation.baselines import Vectors, calibrated, static
from litellm_plugins.evaluation.stream import Asked


def at(*degrees: float) -> Vectors:
    angles = np.radians(np.array(degrees))
    return np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)


def asked(*groups: str) -> list[Asked]:
    return [Asked(f"question {n}", group) for n, group in enumerate(groups)]


def test_a_fixed_threshold_serves_the_nearest_from_there_on() -> None:
    """20 degrees are 0.94 alike, 40 are 0.77."""
    outcomes = static(asked("a", "a", "b", "b"), at(0, 20, 40, 80), 0.9)
    assert (outcomes.hit, outcomes.wrong) == ([False, True, False, False], [False] * 4)


def test_what_was_served_is_not_stored_and_what_was_not_is() -> None:
    """The third lies 20 degrees from the second, which was a hit and so is not there."""
    outcomes = static(asked("a", "a", "a", "a"), at(0, 20, 40, 50), 0.9)
    assert outcomes.hit == [False, True, False, True]


def test_a_hit_on_another_group_is_wrong() -> None:
    outcomes = static(asked("a", "b"), at(0, 5), 0.9)
    assert (outcomes.hit, outcomes.wrong) == ([False, True], [False, True])


def test_the_same_text_is_served_without_any_threshold() -> None:
    one = Asked("same", "a")
    assert static([one, one], at(0, 0), 1.1).hit == [False, True]
    assert calibrated([one, one], at(0, 0), 0.01).hit == [False, True]


def stream(count: int, seed: int = 0, *, spread: float = 6.0) -> tuple[list[Asked], Vectors]:
    """Twelve groups on the circle, one every 30 degrees, their questions spread around them."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 12, count)
    return asked(*map(str, groups)), at(*(groups * 30 + rng.normal(0, spread, count)))


def test_a_calibrated_cosine_serves_nothing_at_first_and_learns_a_threshold() -> None:
    outcomes = calibrated(*stream(2_000), 0.02)
    assert not any(outcomes.hit[:100])
    assert outcomes.rates(1_000)["hit_rate"] > 0.3
    assert outcomes.rates(1_000)["error_rate"] < 0.05


def test_a_larger_allowance_serves_more() -> None:
    strict, loose = (calibrated(*stream(2_000), rate).rates()["hit_rate"] for rate in (0.001, 0.1))
    assert loose > strict


def test_each_check_of_a_hit_counts_for_twenty() -> None:
    """Where groups run into one another: counted for one, the errors of hits that are not checked would not show."""
    outcomes = calibrated(*stream(3_000, spread=10.0), 0.02)
    assert outcomes.rates(1_000)["error_rate"] < 0.05
    assert outcomes.rates(1_000)["hit_rate"] < 0.3


def test_its_checks_are_misses_and_repeat_with_the_seed() -> None:
    one, again, other = (calibrated(*stream(1_000), 0.05, seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other


@pytest.mark.parametrize("threshold", [0.0, 0.9])
def test_a_stream_of_one_request_is_a_miss(threshold: float) -> None:
    assert static(asked("a"), at(0), threshold).hit == [False]
