"""Rows with gold answers: what counts as still there, and which documents stand beside."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.compression.extractive.passages import Passage
from litellm_plugins.evaluation.compression_rows import Distractors, Gold, Row, facts_kept, normalised

WHOLE: dict[str, Any] = {
    "id": "1",
    "question": "Who?",
    "answers": ["Ann"],
    "documents": [{"title": "T", "text": "Ann did."}],
    "supporting": [{"title": "T", "sentence": "Ann did."}],
}


def test_a_row_is_read() -> None:
    assert Row.parse(WHOLE) == Row("Who?", ("Ann",), (Passage("T", "Ann did."),), ("Ann did.",))
    assert Row.parse({**WHOLE, "supporting": None, "documents": [{"text": "x"}]}).documents == (Passage("", "x"),)


@pytest.mark.parametrize(
    "fault",
    [{"answers": []}, {"answers": "Ann"}, {"answers": [7]}, {"documents": []}, {"documents": [{"title": "T"}]},
     {"question": ""}, {"documents": None}],
)  # fmt: skip
def test_a_faulty_row_is_refused(fault: dict[str, Any]) -> None:
    with pytest.raises((TypeError, KeyError)):
        Row.parse({**WHOLE, **fault})


def test_texts_are_compared_as_squad_does() -> None:
    assert normalised("The  Röntgen's, a U.S. an-swer!\n") == "röntgens us answer"


@pytest.mark.parametrize(
    ("answers", "original", "left", "given", "kept"),
    [
        (["The Broncos"], ["the broncos won."], ["Broncos! won"], True, True),
        (["10", "ten"], ["In 2010 there were ten."], ["In 2010 […]"], True, False),
        (["10", "ten"], ["In 2010 there were ten."], ["[…] ten."], True, True),
        (["Wimpy"], ["Wimpy's burgers."], ["wimpy's"], True, True),
        (["Wimpy"], ["Wimpy's burgers."], ["burgers"], True, False),
        (["Ann Lee"], ["Ann saw Lee.", "Ann Lee sat."], ["Ann", "Lee"], True, False),
        (["no"], ["There is no such thing."], ["no"], False, False),
        (["44"], ["A 44-yard goal.", "He was 44."], ["A 44-yard goal."], True, True),
        (["44"], ["A 44-yard goal.", "He was 44."], ["In 1944, 3.44, 44th, a44-b."], True, False),
        (["3.7"], ["About 3.7%."], ["3, 7 or 370"], True, False),
        (["US"], ["In the U.S., since 1940."], ["U.S."], True, True),
        (["absent"], ["present"], ["present"], False, False),
    ],
)
def test_an_answer_is_there_or_not(
    answers: list[str], original: list[str], left: list[str], given: bool, kept: bool
) -> None:
    gold = Gold(answers, original)
    assert (gold.given, gold.given and gold.in_any(left)) == (given, kept)


def test_all_the_facts_are_needed() -> None:
    assert facts_kept(["One is here.", "Two too."], ["[…] One is here.", "And two too!"])
    assert not facts_kept(["One is here.", "Two too."], ["[…] One is here."])


def row(question: str, *texts: str) -> Row:
    return Row(question, ("x",), tuple(Passage("", text) for text in texts))


ROWS = [
    row("Which boat crossed the fjord?", "The boat Alma crossed the fjord."),
    row("Who mends nets?", "Nets are mended by Kari.", "A boat lies in the fjord."),
    row("What do they eat?", "They eat bread."),
    row("Where is the boat?", "The boat Alma crossed the fjord."),
]


def test_distractors_are_the_nearest_of_other_rows() -> None:
    pool = Distractors(ROWS)
    assert set(pool.added(ROWS[0], 1, "0")) == {*ROWS[0].documents, Passage("", "A boat lies in the fjord.")}


def test_an_equal_text_is_no_distractor_and_there_are_no_more_than_there_are() -> None:
    added = Distractors(ROWS).added(ROWS[0], 50, "0")
    assert sorted(one.text for one in added) == sorted({one.text for each in ROWS for one in each.documents})


def test_the_order_is_shuffled_by_the_seed_alone() -> None:
    pool = Distractors(ROWS)
    orders = {pool.added(ROWS[0], 3, str(seed)) for seed in range(20)}
    assert len(orders) > 3
    assert {frozenset(order) for order in orders} == {frozenset(next(iter(orders)))}
    assert pool.added(ROWS[0], 3, "7") == Distractors(ROWS).added(ROWS[0], 3, "7")
