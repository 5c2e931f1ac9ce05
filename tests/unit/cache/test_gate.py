"""The gate's judgement. The intervals are those that published tables give."""

from __future__ import annotations

import pytest

from litellm_plugins.cache.checks import Check
from litellm_plugins.cache.gate import Passing, judge, size_to_pass, wilson
from litellm_plugins.model import Layer, Outcome, Reason


def checks(right: int, wrong: int = 0, unknown: int = 0, *, weight: float = 1.0) -> list[Check]:
    outcomes = [Outcome.RIGHT] * right + [Outcome.WRONG] * wrong + [Outcome.UNKNOWN] * unknown
    return [Check(1.0, Layer.SEMANTIC, Reason.SHADOW, each, weight, "small", "support") for each in outcomes]


@pytest.mark.parametrize(
    ("right", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (29, 29, 0.8830, 1.0)],
)
def test_the_interval_is_wilsons(right: int, of: int, low: float, high: float) -> None:
    """The first three are examples of Newcombe (1998), table I."""
    assert wilson(right / of, of) == pytest.approx((low, high), abs=1e-4)


def test_it_passes_when_the_whole_interval_is_good_enough() -> None:
    """73 of 73 are the fewest for 95 %."""
    assert judge(checks(73), at_least=0.95).verdict is Passing.PASS
    short = judge(checks(72), at_least=0.95)
    assert (short.verdict, short.more) == (Passing.NOT_ENOUGH, 1)


def test_nothing_is_said_of_nothing() -> None:
    told = judge(checks(0, unknown=500), at_least=0.95)
    assert (told.verdict, told.checks, told.unknown, told.share, told.more) == (Passing.NOT_ENOUGH, 0, 500, None, 73)
    assert (told.low, told.high) == (0.0, 1.0)


@pytest.mark.parametrize(("right", "wrong"), [(10, 10), (93, 7), (900, 60), (95, 5)])
def test_it_fails_where_more_of_the_same_would_not_help(right: int, wrong: int) -> None:
    assert judge(checks(right, wrong), at_least=0.95).verdict is Passing.FAIL


@pytest.mark.parametrize(("right", "wrong"), [(97, 3), (192, 8), (72, 1)])
def test_as_many_more_as_it_says_are_enough_if_they_go_on_alike(right: int, wrong: int) -> None:
    """And hardly fewer would be."""
    told = judge(checks(right, wrong), at_least=0.95)
    assert told.verdict is Passing.NOT_ENOUGH
    assert told.more is not None
    size, share = right + wrong + told.more, right / (right + wrong)
    assert wilson(share, size)[0] >= 0.95
    assert wilson(share, size - 2)[0] < 0.95


def test_the_size_that_passes_is_where_the_interval_begins_at_the_mark() -> None:
    for share in (0.955, 0.97, 0.99, 1.0):
        size = size_to_pass(share, 0.95)
        assert wilson(share, size)[0] >= 0.95 - 1e-12
        assert wilson(share, size - 1)[0] < 0.95


def test_a_check_counts_for_the_hits_it_stands_for() -> None:
    """The verifier checks the doubtful more often: unweighted they would make the cache look worse than it is."""
    doubtful, sure = checks(50, 50, weight=1.0), checks(100, weight=19.0)
    told = judge(doubtful + sure, at_least=0.9)
    assert told.share == pytest.approx(0.975)
    assert told.wrong == 50
    plain_low, _ = wilson(0.975, 200)
    assert told.low < plain_low  # uneven weights say less than as many even ones
    assert told.verdict is Passing.PASS


def test_weights_that_are_all_alike_change_nothing() -> None:
    one, other = judge(checks(190, 10), at_least=0.9), judge(checks(190, 10, weight=50.0), at_least=0.9)
    assert (one.low, one.high) == pytest.approx((other.low, other.high))
