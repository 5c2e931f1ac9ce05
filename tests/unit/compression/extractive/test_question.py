"""What a question asks for: its terms, and what it names."""

from __future__ import annotations

import time

import pytest

from litellm_plugins.compression.extractive.passages import Passage, read
from litellm_plugins.compression.extractive.question import asked


@pytest.mark.parametrize(
    ("question", "acronym"),
    [
        ("Who was the Most Valuable Player of 2016?", "mvp"),
        ("Is he in the Federal Bureau of Investigation now?", "fbi"),
        ("Is he in the Federal Bureau of Investigation now?", "fboi"),
    ],
)
def test_the_initials_of_what_is_named_are_terms(question: str, acronym: str) -> None:
    assert acronym in asked(question).terms


def test_initials_that_make_a_stop_word_are_none() -> None:
    assert "who" not in asked("Where does the World Health Organization sit?").terms


@pytest.mark.parametrize(
    "question", ["who was the most valuable player", "WHO WAS THE MOST VALUABLE PLAYER", "Ann Lee"]
)
def test_without_names_of_three_words_there_are_no_initials(question: str) -> None:
    assert set(asked(question).terms) <= {"valuabl", "pla", "ann", "lee"}


def test_a_long_question_has_few_initials_and_takes_no_time() -> None:
    started = time.thread_time()
    for text in ("Ann Lee Roe Kim Orr Poe " * 3_000, "A" * 100_000, "Aa" * 50_000, "Ab-" * 30_000):
        assert len(asked(text).terms) < 50
    assert time.thread_time() - started < 2


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Boston, Lincolnshire", "boston"),
        ("Kiss and Tell (1945 film)", "kis and tell"),
        ("Tyler, the Creator", "tyl the creat"),
        ("10,000 Maniacs", "10,000 maniac"),
        ("The Who", ""),
    ],
)
def test_a_title_has_a_name(title: str, name: str) -> None:
    [page] = read([Passage(title, "x")], len)
    assert " ".join(page.name) == name
