"""Verdicts as a regression set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from litellm_plugins.review.items import Item, Kind, Verdict, Why
from litellm_plugins.review.replay import (
    Decided,
    Flip,
    LeftOut,
    answered_anew,
    case,
    counted,
    dataset_item,
    flip_of,
    left_out,
    one_each,
    with_text,
)
from tests.unit.review.samples import item

TEXTS: dict[str, Any] = {"question": "How?", "matched_question": "How so?", "answer": "So."}


@pytest.mark.parametrize(
    ("verdict", "served", "barred", "flip"),
    [
        (Verdict.RIGHT, True, False, Flip.KEPT),
        (Verdict.RIGHT, False, False, Flip.LOST),
        (Verdict.RIGHT, True, True, Flip.LOST),
        (Verdict.WRONG, True, False, Flip.WRONG_AGAIN),
        (Verdict.WRONG, True, True, Flip.BARRED),
        (Verdict.WRONG, False, True, Flip.MENDED),
        (Verdict.WRONG, False, False, Flip.MENDED),
    ],
)
def test_what_flipped_is_told_by_verdict_decision_and_bar(
    verdict: Verdict, served: bool, barred: bool, flip: Flip
) -> None:
    now = Decided(served, "verified" if served else "unsure", barred, 0.9)
    assert flip_of(verdict, now) is flip
    told = case(item(1, verdict=verdict, **TEXTS), now)
    assert told["flip"] == flip
    assert told["now"]["reason"] == ("judged_wrong" if served and barred else now.reason)
    assert counted([told]) | {"verdicts": 1} == counted([told])
    assert counted([told])[str(flip)] == 1


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({}, LeftOut.NO_TEXT),
        ({**TEXTS, "matched_question": ""}, LeftOut.NO_TEXT),
        ({**TEXTS, "question": "x" * 4_000}, LeftOut.CUT),
        ({**TEXTS, "layer": "exact"}, LeftOut.NOT_BY_MEANING),
        ({**TEXTS, "reason": "same_words"}, LeftOut.NOT_BY_MEANING),
        ({**TEXTS, "kind": Kind.ROUTE}, LeftOut.NOT_BY_MEANING),
        (TEXTS, None),
    ],
)
def test_what_cannot_be_decided_anew_is_left_out_with_its_reason(about: dict[str, Any], why: LeftOut | None) -> None:
    assert left_out(item(1, verdict=Verdict.WRONG, **about)) is why


def test_only_the_very_same_answer_is_told_by_an_old_verdict() -> None:
    assert answered_anew("wrong", "So  it is.", "So it is.\n") is Flip.WRONG_AGAIN
    assert answered_anew("right", "So it is.", "So it is.") is Flip.KEPT
    assert answered_anew("wrong", "So it is.", "It is not.") is Flip.CHANGED


def test_a_dataset_expects_right_answers_only() -> None:
    def told(verdict: Verdict) -> Item:
        return item(1, verdict=verdict, **TEXTS)

    right = dataset_item(told(Verdict.RIGHT), dataset="d", id_="i")
    wrong = dataset_item(told(Verdict.WRONG), dataset="d", id_="i")
    assert right["expectedOutput"] == {"answer": "So."}
    assert "wrong_answer" not in right["metadata"]
    assert "expectedOutput" not in wrong
    assert wrong["metadata"]["wrong_answer"] == "So."
    assert (wrong["datasetName"], wrong["id"], wrong["sourceTraceId"]) == ("d", "i", f"{1:032x}")
    assert with_text([told(Verdict.RIGHT), item(2, verdict=Verdict.RIGHT), item(3, why=Why.OLD, **TEXTS)]) == [
        told(Verdict.RIGHT)
    ]


def test_of_an_answer_that_was_judged_more_than_once_the_last_word_is_the_case() -> None:
    def said(number: int, verdict: Verdict, at_s: float, *, taken: bool = False) -> Item:
        one = item(number, verdict=verdict, pair="p")
        return replace(one, state=replace(one.state, judged_at_s=at_s, taken=taken))

    first, last, copy = said(1, Verdict.WRONG, 1), said(2, Verdict.RIGHT, 2), said(3, Verdict.WRONG, 3, taken=True)
    other = replace(item(4, verdict=Verdict.RIGHT), pair="q")
    assert one_each([copy, last, first, other, item(5)]) == [other, last]
