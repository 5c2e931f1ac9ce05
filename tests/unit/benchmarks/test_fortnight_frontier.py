"""Two reviewers' curves of hits and wrong answers, and how far they lie apart."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from benchmarks.fortnight_frontier import drawing, gap, points
from benchmarks.fortnight_sums import Day

SEEDS = (1, 2, 3, 4)


def runs(hits: int, wrong: int) -> dict[int, list[Day]]:
    """Of ten thousand requests a seed, each seed with as many more hits as its number."""
    return {seed: [Day(requests=10_000, hits=hits + seed, wrong=wrong)] for seed in SEEDS}


# Each wrong answer more buys twenty hits; the queue has forty hits more for the same.
CURVES = {
    0.008: {"random": runs(2_400, 40), "queue": runs(2_500, 43)},
    0.010: {"random": runs(2_600, 50), "queue": runs(2_700, 53)},
}


def test_a_curve_goes_by_the_promise() -> None:
    low, high = points(CURVES, "queue")
    assert (low.promised, high.promised) == (0.008, 0.010)
    assert (low.hits.mean, low.wrong.mean) == pytest.approx((0.25025, 0.0043))


def test_who_lies_above_has_more_hits_for_the_same_wrong_answers_and_fewer_of_these_for_the_same_hits() -> None:
    told = gap(CURVES, "queue", "random")
    assert told.wrong_per_hit.mean == pytest.approx(1 / 20)
    assert told.hits_at_equal_wrong.mean == pytest.approx(40 / 10_000)
    assert told.wrong_at_equal_hits.mean == pytest.approx(-2 / 10_000)
    assert gap(CURVES, "random", "queue").wrong_at_equal_hits.mean == pytest.approx(2 / 10_000)


def test_who_only_moves_along_it_has_neither() -> None:
    along = {promised: {**each, "queue": {s: each["random"][s] for s in SEEDS}} for promised, each in CURVES.items()}
    along[0.009] = {"random": CURVES[0.010]["random"], "queue": CURVES[0.008]["random"]}
    told = gap(along, "queue", "random")
    assert (told.hits_at_equal_wrong.mean, told.wrong_at_equal_hits.mean) == pytest.approx((0.0, 0.0), abs=1e-9)


def test_intervals_are_of_seeds_that_differ() -> None:
    noisy = {
        promised: {name: {seed: [Day(requests=10_000, hits=days[0].hits + 40 * (seed % 2) * (name == "queue"),
                                     wrong=days[0].wrong)] for seed, days in each.items()}
                   for name, each in reviewers.items()}
        for promised, reviewers in CURVES.items()
    }  # fmt: skip
    told = gap(noisy, "queue", "random").hits_at_equal_wrong
    assert told.low < told.mean < told.high
    assert told.high - told.low == pytest.approx(2 * 1.96 * 20 / 4**0.5 / 10_000, rel=0.3)


def test_the_drawing_holds_both_and_each_promise() -> None:
    drawn = ET.fromstring(drawing({name: points(CURVES, name) for name in ("random", "queue")}))
    texts = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"random", "queue", "0.8%", "1.0%"} <= set(texts)
