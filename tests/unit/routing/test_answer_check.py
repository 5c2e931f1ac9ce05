"""Doubts about an answer, from its text alone."""

from __future__ import annotations

import time

import pytest

from litellm_plugins.routing.answer_check import check
from litellm_plugins.routing.arithmetic import NotArithmetic, value_of

QUESTION = "Tom has 3 boxes of 4 pens and gives 2 pens away. How many pens has he?"


@pytest.mark.parametrize(
    ("sum_", "value"), [("3 * 4 - 2", 10), ("(1 + 2) \u00d7 3", 9), ("$1,200 / 4", 300), ("2 - 3 - 4", -5)]
)
def test_a_sum_is_worked_out(sum_: str, value: float) -> None:
    assert value_of(sum_) == pytest.approx(value)


@pytest.mark.parametrize("text", ["7", "1 / 0", "2 +", "(1 + 2", "__import__('os')", "2 ** 9", "1 + a", "1 + " * 99])
def test_what_is_no_sum_is_refused(text: str) -> None:
    with pytest.raises(NotArithmetic):
        value_of(text)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "empty"),
        ("3 * 4 = 14, so 14 - 2 = 12.", "wrong_step"),
        ("He has ten pens.", "no_step"),
        ("3 * 4 = 12 pens, and then he gives", "open_end"),
        ("3 * 4 = 12. However, it is unclear. 12 - 2 = 10.", "hedged"),
        ("3 * 4 = 12, 12 / 8 = 1.5.", "odd_result"),
    ],
)
def test_each_fault_raises_the_doubt_and_is_named(answer: str, reason: str) -> None:
    good = check(QUESTION, "3 * 4 = 12 pens. 12 - 2 = 10 pens. So he has 10.")
    bad = check(QUESTION, answer)
    assert good.because == ()
    assert reason in bad.because
    assert bad.doubt > good.doubt


@pytest.mark.parametrize("answer", ["7" * 24, "7" * 16_000, "7," * 8_000, "7 " * 8_000, "$7" * 8_000, "(" * 16_000])
def test_however_long_a_number_an_answer_is_checked_at_once(answer: str) -> None:
    began = time.thread_time()
    check(QUESTION, f"It is {answer}.")
    assert time.thread_time() - began < 2
