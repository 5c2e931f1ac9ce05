"""Right, wrong, crossed or stray: what is said of an answer."""

from dataclasses import replace
from typing import Any

import pytest

from litellm_plugins.demo.judging import judge
from litellm_plugins.demo.questions import Question
from litellm_plugins.model import Layer

ARRIVAL = Question("When does my card arrive?", "card_arrival")
ARRIVAL_AGAIN = Question("When will my card be here?", "card_arrival")
PIN = Question("How do I change my PIN?", "change_pin")


def test_a_miss_answered_for_its_own_question_is_neither_wrong_nor_stray(outcome: Any) -> None:
    (judged,) = judge([outcome(ARRIVAL, Layer.MISS)])
    assert judged.written_for == ARRIVAL
    assert (judged.wrong, judged.crossed, judged.stray) == (False, False, False)


def test_a_repeated_question_served_from_the_cache_is_right(outcome: Any) -> None:
    _, hit = judge([outcome(ARRIVAL, Layer.MISS), outcome(ARRIVAL, Layer.EXACT)])
    assert (hit.wrong, hit.crossed) == (False, False)


def test_a_hit_written_for_another_question_of_the_same_intent_is_right(outcome: Any) -> None:
    outcomes = [outcome(ARRIVAL, Layer.MISS), outcome(ARRIVAL_AGAIN, Layer.SEMANTIC, answer_for=ARRIVAL)]
    _, hit = judge(outcomes)
    assert hit.written_for == ARRIVAL
    assert not hit.wrong


@pytest.mark.parametrize("layer", [Layer.SEMANTIC, Layer.EXACT])
def test_a_hit_written_for_another_intent_is_wrong_in_either_layer(outcome: Any, layer: Layer) -> None:
    _, hit = judge([outcome(ARRIVAL, Layer.MISS), outcome(PIN, layer, answer_for=ARRIVAL)])
    assert hit.wrong
    assert not hit.crossed


@pytest.mark.parametrize("answered", [None, "00000000"])
def test_a_hit_that_names_no_question_of_ours_is_wrong_and_nobody_paid_for_it(
    outcome: Any, answered: str | None
) -> None:
    (hit,) = judge([replace(outcome(ARRIVAL, Layer.EXACT), answered=answered)])
    assert hit.written_for is None
    assert hit.wrong
    assert hit.crossed


def test_an_answer_that_only_another_team_paid_for_has_crossed(outcome: Any) -> None:
    outcomes = [outcome(ARRIVAL, Layer.MISS, team="mobile"), outcome(ARRIVAL, Layer.EXACT, team="support")]
    _, hit = judge(outcomes)
    assert hit.crossed
    assert not hit.wrong


def test_an_answer_that_both_teams_paid_for_has_not_crossed(outcome: Any) -> None:
    outcomes = [
        outcome(ARRIVAL, Layer.MISS, team="mobile"),
        outcome(ARRIVAL, Layer.MISS, team="support"),
        outcome(ARRIVAL, Layer.EXACT, team="support"),
    ]
    assert not judge(outcomes)[2].crossed


def test_one_entry_of_the_cache_served_to_two_teams_has_crossed_though_both_paid(outcome: Any) -> None:
    outcomes = [
        outcome(ARRIVAL, Layer.MISS, team="mobile"),
        outcome(ARRIVAL, Layer.MISS, team="support"),
        outcome(ARRIVAL, Layer.EXACT, team="support", cache_id="e1"),
        outcome(ARRIVAL, Layer.EXACT, team="mobile", cache_id="e1"),
        outcome(ARRIVAL, Layer.EXACT, team="mobile", cache_id="e2"),
    ]
    assert [each.crossed for each in judge(outcomes)] == [False, False, False, True, False]


def test_an_answer_that_the_team_paid_for_only_later_has_crossed(outcome: Any) -> None:
    outcomes = [
        outcome(ARRIVAL, Layer.EXACT, started_s=1.0, ended_s=2.0),
        outcome(ARRIVAL, Layer.MISS, started_s=3.0, ended_s=4.0),
    ]
    assert judge(outcomes)[0].crossed


def test_a_miss_under_way_at_the_same_time_may_have_paid_for_a_hit(outcome: Any) -> None:
    outcomes = [
        outcome(ARRIVAL, Layer.MISS, started_s=1.0, ended_s=2.0),
        outcome(ARRIVAL, Layer.EXACT, started_s=1.9, ended_s=2.1),
    ]
    assert not judge(outcomes)[1].crossed


@pytest.mark.parametrize("layer", [Layer.MISS, Layer.BYPASS, Layer.OFF])
def test_an_answer_for_something_else_that_is_no_hit_is_stray_and_pays_for_nothing(outcome: Any, layer: Layer) -> None:
    outcomes = [outcome(ARRIVAL, layer, answer_for=PIN), outcome(PIN, Layer.EXACT)]
    stray, hit = judge(outcomes)
    assert stray.stray
    assert not stray.wrong
    assert hit.crossed


def test_an_error_is_not_judged_and_pays_for_nothing(outcome: Any) -> None:
    outcomes = [outcome(ARRIVAL, None, error="timeout"), outcome(ARRIVAL, Layer.EXACT)]
    (hit,) = judge(outcomes)
    assert hit.crossed
