"""What simulated fortnights come to, and how it is drawn."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from benchmarks.fortnight_picture import Curves, picture
from benchmarks.fortnight_sums import Day, by_day, compared, days_over, estimate, excess, gained, summed

PROMISED = 0.01


def days(*hits_and_wrong: tuple[int, int]) -> list[Day]:
    """Of a hundred requests each."""
    return [Day(requests=100, hits=hits, wrong=wrong, evicted=1, labelled=2) for hits, wrong in hits_and_wrong]


RUNS = {
    "nobody": {1: days((20, 2), (30, 1)), 2: days((22, 2), (32, 3))},
    "queue": {1: days((20, 2), (40, 0)), 2: days((22, 2), (44, 1))},
}


def test_an_interval_is_student_s() -> None:
    of = estimate([1.0, 2.0, 3.0])
    assert (of.mean, of.low, of.high) == pytest.approx((2.0, 2 - 4.303 / 3**0.5, 2 + 4.303 / 3**0.5))


def test_a_promise_is_held_against_each_day() -> None:
    assert days_over(RUNS["nobody"][2], PROMISED) == 2
    assert days_over(RUNS["queue"][1], PROMISED) == 1
    assert excess(RUNS["nobody"][2], PROMISED) == pytest.approx((1 + 2) / 200)


def test_reviewers_are_compared_seed_by_seed() -> None:
    assert summed(RUNS, PROMISED)["queue"]["hit_rate"].mean == pytest.approx((60 + 66) / 400)
    above = compared(RUNS, PROMISED, "queue")
    assert set(above) == {"nobody"}
    assert above["nobody"]["hit_rate"].mean == pytest.approx((10 + 12) / 400)
    assert above["nobody"]["wrong_per_request"].mean == pytest.approx((-1 - 2) / 400)
    assert [each.mean for each in gained(RUNS, "queue", "nobody")] == pytest.approx([0.0, 0.055])


def test_days_are_told_one_by_one() -> None:
    second = by_day(RUNS)["queue"][1]
    assert second["hit_rate"].mean == pytest.approx(0.42)
    assert second["wrong_so_far"].mean == pytest.approx((2 + 3) / 400)
    assert second["labels_of_people"].mean == 2


def test_the_picture_holds_a_line_for_each_reviewer_and_the_promise() -> None:
    drawn = ET.fromstring(picture(Curves(by_day(RUNS), {"queue": gained(RUNS, "queue", "nobody")}, PROMISED)))
    texts = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"nobody", "queue", "promised 1%"} <= set(texts)
