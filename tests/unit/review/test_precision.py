"""Precision from the control sample: what the interval promises, on simulated traffic through the real sampler."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from litellm_plugins.review.items import Item, Verdict, Why, drawn
from litellm_plugins.review.precision import Estimate, precision, wilson
from litellm_plugins.review.queue import ranked
from tests.unit.review.samples import NOW, item

SHARE, REQUESTS, WEEKS = 0.1, 1_500, 400


def test_wilson_s_interval_is_that_of_the_books() -> None:
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I.
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0.0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1 / 29, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


@pytest.mark.parametrize("right_share", [0.9, 0.97])
@pytest.mark.parametrize("reviewed", [0.4, 1.0])
def test_the_interval_covers_the_truth_in_at_least_90_of_100_simulations(right_share: float, reviewed: float) -> None:
    """Users complain of a third of the wrong answers and of few right ones; reviewers see those first, then the sample
    by the queue's order as far as their time goes."""
    covered, shares = 0, []
    for seed in range(WEEKS):
        told = _week(random.Random(seed), right_share, reviewed)
        assert told.right is not None
        assert told.low is not None
        assert told.high is not None
        covered += told.low <= right_share <= told.high
        shares.append(told.right)

    assert covered / WEEKS >= 0.9
    assert sum(shares) / len(shares) == pytest.approx(right_share, abs=0.01)


def test_without_strata_the_same_verdicts_would_mislead() -> None:
    """What the strata are for: the plain share of right verdicts is biased by what people pointed at."""
    plain = []
    for seed in range(100):
        sample, _ = _judged_week(random.Random(seed), 0.9, 0.2)
        said = [each.state.verdict is Verdict.RIGHT for each in sample if each.state.verdict]
        plain.append(sum(said) / len(said))

    assert sum(plain) / len(plain) < 0.85


def test_nothing_is_said_of_what_nobody_has_judged() -> None:
    assert precision([]).right is None
    waiting = [item(number, why=Why.CONTROL) for number in range(5)]
    found = precision(waiting)
    assert (found.sampled, found.judged, found.right, found.low) == (5, 0, None, None)


def test_what_is_not_of_the_sample_counts_nowhere() -> None:
    sample = [item(number, why=Why.CONTROL, verdict=Verdict.RIGHT) for number in range(20)]
    others = [item(number + 100, why=Why.NEAR, verdict=Verdict.WRONG) for number in range(50)]

    assert precision([*sample, *others]) == precision(sample)


def test_a_thumb_down_that_nobody_has_looked_at_counts_as_wrong() -> None:
    sample = [item(number, why=Why.CONTROL, verdict=Verdict.RIGHT) for number in range(19)]
    doubted = replace(item(50, why=Why.THUMB_DOWN), control=True)

    assert precision([*sample, doubted]).right == pytest.approx(0.95)


def test_the_draw_is_even_and_has_nothing_to_do_with_what_is_drawn() -> None:
    draws = [drawn(f"word {number}") for number in range(20_000)]

    assert sum(draw < SHARE for draw in draws) / len(draws) == pytest.approx(SHARE, abs=0.01)
    assert all(0 <= draw < 1 for draw in draws)
    assert drawn("word 7") == drawn("word 7")


def _week(chance: random.Random, right_share: float, reviewed: float) -> Estimate:
    sample, _ = _judged_week(chance, right_share, reviewed)
    return precision(sample)


def _judged_week(chance: random.Random, right_share: float, reviewed: float) -> tuple[list[Item], int]:
    """The control sample of a week, in which a reviewer judged what people pointed at and a share of the rest."""
    truth: dict[str, Verdict] = {}
    sample: list[Item] = []
    for number in range(REQUESTS):
        word = f"{chance.random()}"
        is_right = chance.random() < right_share
        complained = chance.random() < (0.01 if is_right else 0.33)
        draw = drawn(word)
        if draw < SHARE:
            why = Why.THUMB_DOWN if complained else Why.CONTROL
            each = replace(item(number, why=why), draw=draw, control=True)
            truth[each.id] = Verdict.RIGHT if is_right else Verdict.WRONG
            sample.append(each)
    pointed = [each for each in sample if each.state.why is Why.THUMB_DOWN]
    chosen = ranked([], sample, len(pointed) + round(reviewed * (len(sample) - len(pointed))), now_s=NOW)
    seen = {each.id for each in chosen}
    judged = [
        replace(each, state=replace(each.state, verdict=truth[each.id] if each.id in seen else None)) for each in sample
    ]
    return judged, len(seen)
