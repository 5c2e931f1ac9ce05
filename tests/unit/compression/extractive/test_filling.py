"""A budget filled: what fits, and how it reads."""

from __future__ import annotations

from litellm_plugins.compression.extractive.filling import fill, rendered
from litellm_plugins.compression.extractive.passages import Page, Sentence


def page(*sizes: int) -> Page:
    return Page([], [Sentence(f" S{at}.", size, []) for at, size in enumerate(sizes)])


def test_the_best_go_first_and_what_does_not_fit_is_passed_over() -> None:
    assert fill([page(10, 50, 10)], [[0.5, 0.9, 0.1]], 22, 0) == [[0, 2]]


def test_the_last_one_may_exceed_the_budget_by_less_than_a_tenth() -> None:
    assert fill([page(50, 58)], [[0.9, 0.5]], 100, 0) == [[0, 1]]
    assert fill([page(50, 59)], [[0.9, 0.5]], 100, 0) == [[0]]
    assert fill([page(104), page(1)], [[0.9], [0.5]], 100, 0) == [[0], []]


def test_marks_are_paid_for_and_a_closed_gap_is_paid_back() -> None:
    apart = fill([page(10, 10, 10, 10, 10)], [[0.1, 0.9, 0.2, 0.8, 0.1]], 26, 3)
    assert apart == [[1, 2]]  # the fourth would need a mark more; the third, in between, needs none
    assert fill([page(10, 10, 10)], [[0.9, 0.1, 0.8]], 30, 3) == [[0, 1, 2]]


def test_equal_values_go_in_the_order_of_the_text() -> None:
    assert fill([page(5, 5), page(5, 5)], [[0.5, 0.5], [0.5, 0.5]], 14, 0) == [[0, 1], [0]]


def test_one_mark_for_each_run_that_is_missing() -> None:
    five = page(1, 1, 1, 1, 1)
    assert rendered(five, [0, 1, 2, 3, 4]) == " S0. S1. S2. S3. S4."
    assert rendered(five, [1, 3]) == "[…] S1. […] S3. […]"
    assert rendered(five, [0, 4]) == " S0. […] S4."
    assert not rendered(five, [])
