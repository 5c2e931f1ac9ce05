"""Terms: what is the same word, and what is none."""

from __future__ import annotations

import pytest

from litellm_plugins.compression.extractive.words import STOP, terms


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("win", "won"), ("wins", "winner"), ("write", "written"), ("writer", "writing"), ("found", "founded"),
        ("city", "cities"), ("running", "runs"), ("die", "died"), ("film", "movies"), ("Málaga", "malaga"),
        ("nation", "nations"), ("canciones", "canción"), ("locate", "located"), ("play", "portrayed"),
        ("theme", "themes"), ("notes", "noted"), ("loss", "losing"), ("use", "used"), ("use", "using"),
    ],
)  # fmt: skip
def test_forms_of_a_word_are_one_term(one: str, other: str) -> None:
    assert terms(one) == terms(other)


@pytest.mark.parametrize(("one", "other"), [("universe", "universal"), ("10", "2010"), ("cat", "car"), ("no", "know")])
def test_other_words_are_other_terms(one: str, other: str) -> None:
    assert terms(one) != terms(other)


def test_numbers_stay_in_one_piece() -> None:
    assert terms("3,141.5 of 1.000") == ["3,141.5", "of", "1.000"]


def test_scripts_without_spaces_come_in_pairs_of_characters() -> None:
    assert terms("长城有多长 wall") == ["长城", "城有", "有多", "多长", "wall"]
    assert terms("水") == ["水"]


def test_what_questions_are_made_of_is_known() -> None:
    assert set(terms("who was it that did this, ¿dónde está el?")) <= STOP


@pytest.mark.parametrize("word", ["theme", "series", "mayor", "notes", "mass", "loss", "lost", "Andes", "allies"])
def test_a_word_that_loses_its_ending_is_no_stop_word(word: str) -> None:
    assert STOP.isdisjoint(terms(word))


@pytest.mark.parametrize("word", ["tells", "told", "called", "ones"])
def test_forms_of_what_questions_are_made_of_are_that_too(word: str) -> None:
    assert set(terms(word)) <= STOP


def test_no_term_is_so_long_that_remembering_it_hurts() -> None:
    assert max(map(len, terms("a" * 100_000 + " " + "1" * 100_000 + " " + "1," * 100_000))) < 200
