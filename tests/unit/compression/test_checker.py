"""The checker: no false alarm, and nothing that is gone goes unseen."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litellm_plugins.compression.checker import Loss, losses
from litellm_plugins.compression.lossless import lossless
from tests.unit.compression.cases import Case, cases, sentences
from tests.unit.compression.test_segments import TEXTS

CASES = cases()
_GUARDED = {"number", "url", "email", "path", "id", "negation", "quote", "legal", "medical", "spanish", "chinese"}
_MARKS = [(said, kept) for category, said, keep in sentences() if category in _GUARDED for kept in keep]
_WORDS = [
    "the",
    "plan",
    "was",
    "sound",
    "and",
    "most",
    "members",
    "agreed",
    "when",
    "money",
    "came",
    "up",
    "again",
    "later",
    "that",
    "year",
]
_PROTECTED = {
    "number": ["5", "12.5%", "10 mg/kg", "$3,000.00", "-4 °C", "3 May 2024", "€ 49,90", "1e-9", "00"],
    "url": ["https://x.example/a?b=1", "www.example.net/a", "s3://bucket/key.csv"],
    "email": ["a.b@example.com", "ops+x@acme.io"],
    "id": ["user_id", "INV-2024-12", "550e8400-e29b-41d4-a716-446655440000", "getUserName", "9f86d08"],
    "path": ["/etc/hosts", "src/app/main.py", "C:\\temp\\a.txt"],
    "negation": [
        "not",
        "never",
        "no",
        "without",
        "don't",
        "can\u2019t",
        "cannot",
        "nunca",
        "sin",
        "ningún",
        "tampoco",
        "unless",
    ],
    "quote": ['"so be it"', "“never again”", "«así es»"],
}


@given(TEXTS)
@settings(deadline=None, max_examples=150)
def test_a_text_loses_nothing_against_itself(text: str) -> None:
    assert losses(text, text) == ()


@given(TEXTS)
@settings(deadline=None, max_examples=300)
def test_lossless_loses_nothing(text: str) -> None:
    assert losses(text, lossless(text)) == ()


@st.composite
def _robbed(draw: st.DrawFn) -> tuple[str, str, str, str]:
    """A sentence with protected things in it, the same without one of them, and what is gone."""
    kinds = draw(st.lists(st.sampled_from(sorted(_PROTECTED)), min_size=1, max_size=5))
    things = [(kind, draw(st.sampled_from(_PROTECTED[kind]))) for kind in kinds]
    words: list[str] = []
    places = []
    for _, thing in things:
        words.extend(draw(st.lists(st.sampled_from(_WORDS), min_size=1, max_size=4)))
        places.append(len(words))
        words.append(thing)
    words.extend(draw(st.lists(st.sampled_from(_WORDS), min_size=1, max_size=4)))
    gone = draw(st.integers(0, len(things) - 1))
    left = [word for at, word in enumerate(words) if at != places[gone]]
    return " ".join(words) + ".", " ".join(left) + ".", *things[gone]


@given(_robbed())
@settings(deadline=None, max_examples=500)
def test_whatever_is_taken_away_is_reported(robbed: tuple[str, str, str, str]) -> None:
    """Also where the same thing stands there once more: what is counted is how often."""
    before, after, kind, thing = robbed
    found = losses(before, after)
    assert any(loss.what == kind for loss in found), (thing, found)


@pytest.mark.parametrize(("said", "kept"), _MARKS)
def test_each_mark_of_the_corpus_is_missed_when_it_is_gone(said: str, kept: str) -> None:
    word = re.search(rf"(?<!\w){re.escape(kept)}(?!\w)", said) or re.search(re.escape(kept), said)
    assert word
    assert losses(said, said[: word.start()] + said[word.end() :])


@pytest.mark.parametrize(
    "case", [case for case in CASES if len(case.keep) == 1 and "\n" in case.keep[0]], ids=lambda case: case.name
)
def test_a_changed_block_is_reported(case: Case) -> None:
    """One sign less in the middle of code or data."""
    block = case.keep[0]
    middle = next(at for at in range(len(block) // 2, len(block)) if block[at].isalnum())
    assert losses(case.text, case.text.replace(block, block[:middle] + block[middle + 1 :]))


def test_the_question_must_stand_there_word_for_word() -> None:
    text = "A long document.\n\nWho signed  it?"
    assert losses(text, "A document. Who signed it?", question="Who signed it?") == ()
    assert losses(text, "A document.", question="Who signed it?") == (Loss("question", "Who signed it?"),)
    assert losses(text, text, question="Who sold it?") == (Loss("question", "Who sold it?"),)


def test_a_contraction_is_no_loss_and_a_lost_half_is() -> None:
    assert losses("It is not true, you cannot.", "It isn't true, you can't.") == ()
    assert losses("You don't, and I do not.", "You don't, and I do.") == (Loss("negation", "not"),)


def test_a_table_counts_as_what_it_stands_for() -> None:
    text = json.dumps([{"id": at, "mail": f"u{at}@x.example"} for at in range(1, 30)], indent=1)
    table = lossless(text)
    assert table.startswith("[table 1: 29 records")
    assert losses(text, table) == ()
    assert Loss("number", "17") in losses(text, table.replace("\n17\n", "\n"))


def test_what_is_added_is_no_loss() -> None:
    assert losses("It costs $5.", "It costs $5, or €4, and not more.") == ()
