"""The word lists: written as `text` reads words, or they would never be met."""

from __future__ import annotations

import unicodedata

import pytest

from litellm_plugins.cache.verifier.text import is_opposed, read
from litellm_plugins.cache.verifier.vocabulary import (
    AMOUNTS,
    ENGLISH,
    KINDS_OF_QUESTION,
    NEGATIONS,
    OPPOSITES,
    SPANISH,
    WORDS_FOR_NUMBERS,
)

LISTS = {
    "negations": NEGATIONS,
    "kinds": KINDS_OF_QUESTION.keys(),
    "amounts": AMOUNTS,
    "english": ENGLISH,
    "spanish": SPANISH,
    "numbers": WORDS_FOR_NUMBERS.keys(),
}


@pytest.mark.parametrize("words", LISTS.values(), ids=LISTS.keys())
def test_words_are_lower_case_and_bear_no_accents(words: frozenset[str]) -> None:
    for word in words:
        assert word == word.casefold()
        assert not any(unicodedata.combining(letter) for letter in unicodedata.normalize("NFKD", word)), word


@pytest.mark.parametrize("line", OPPOSITES)
def test_each_pair_of_opposites_has_two_sides_that_meet_as_they_are_read(line: str) -> None:
    one, other = (side.split() for side in line.split("|"))
    assert one
    assert other
    for a in one:
        for b in other:
            assert is_opposed(read(a).word_set, read(b).word_set), (a, b)
            assert is_opposed(read(b).word_set, read(a).word_set), (b, a)


def test_no_side_of_a_pair_is_its_own_opposite() -> None:
    for line in OPPOSITES:
        for side in line.split("|"):
            for word in side.split():
                assert not is_opposed(read(word).word_set, read(word).word_set), word


@pytest.mark.parametrize(
    ("word", "figure"), [("zero", "0"), ("cero", "0"), ("one", "1"), ("two", "2"), ("dos", "2"), ("doce", "12")]
)
def test_words_for_numbers_are_the_numbers_that_they_name(word: str, figure: str) -> None:
    assert WORDS_FOR_NUMBERS[word] == figure
    assert sorted(map(int, set(WORDS_FOR_NUMBERS.values()))) == list(range(13))
