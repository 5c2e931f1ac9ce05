"""Words that a model keeps, looked up in the text that it read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_plugins.compression.checker import held, quoted
from litellm_plugins.compression.llmlingua.aligning import located, rebuilt, share
from litellm_plugins.compression.numbers import NUMBER


def dropping(text: str, *words: str, keep: tuple[str, ...] = ()) -> str:
    """`text` without the first of each of `words`."""
    gone = [(text.index(word), text.index(word) + len(word)) for word in words]
    return rebuilt(text, gone, [(text.index(word), text.index(word) + len(word)) for word in keep])


@pytest.mark.parametrize(
    ("text", "dropped", "left"),
    [
        ("the cat sat on the mat", ["the", "on"], " cat sat the mat"),
        ("one two three", ["two"], "one three"),
        ("one, two", [","], "one two"),
        ("one,two", [","], "one two"),
        ("first line\nsecond line", ["line"], "first\nsecond line"),
        ("end.\n\nbegin again", ["."], "end\n\nbegin again"),
        ("- a\n- b here\n- c", ["b here"], "- a\n-\n- c"),
        ("我们今天开会", ["今天"], "我们开会"),
        ("cats (and dogs)", ["and"], "cats ( dogs)"),
    ],
)
def test_what_goes_takes_its_space_along_and_nothing_grows_together(text: str, dropped: list[str], left: str) -> None:
    assert dropping(text, *dropped) == left


def test_a_word_stays_whole_when_a_part_of_it_stays() -> None:
    assert dropping("microwave ovens", "micro") == "microwave ovens"
    assert dropping("they don't know", "don") == "they don't know"


def test_what_must_stay_stays_whatever_the_model_says() -> None:
    assert dropping("it did not rain at all", "did", "not", "at", keep=("did not",)) == "it did not rain all"


@pytest.mark.parametrize(
    ("text", "dropped", "left"),
    [
        ("Note 15: year and place were met", [":", "and", "were"], "Note 15: year place met"),
        ("1200 of the 4500 went by train", ["of the", "by"], "1200 of the 4500 went train"),
        ("in 2015 only a few users came so late", ["only a few", "so"], "in 2015 only a few users came late"),
        ("it costs(all)$3.50 per box", ["(all)", "per"], "it costs(all)$3.50 box"),
        ("the March of the 5 went on", ["the ", "of the"], " March of the 5 went on"),
        ("a follow-up was seen by it", ["follow", "by"], "a follow-up was seen it"),
    ],
)
def test_what_would_be_misread_comes_back(text: str, dropped: list[str], left: str) -> None:
    """All of what went between two parts; elsewhere words go as they should."""
    facts = [text[start:end] for start, end in held(text)]
    assert dropping(text, *dropped, keep=tuple(facts)) == left


def test_a_prose_that_follows_something_else_does_not_grow_together_with_it() -> None:
    assert f'"quoted"{dropping(", he said so", ",", "he")}' == '"quoted" said so'


def test_words_are_found_in_their_order_and_unknown_ones_are_skipped() -> None:
    text = "a cat and a dog and ☃ a bird"
    assert located(text, ["a", "cat", "and", "a", "[X]", "dog"]) == [(0, 1), (2, 5), (6, 9), (10, 11), None, (12, 15)]


def test_a_word_in_another_spelling_is_found_where_it_has_the_same_length() -> None:
    assert located("\uff26\uff55\uff4c\uff4c width", ["Full", "width"]) == [(0, 4), (5, 10)]


def test_a_word_far_away_is_another_word() -> None:
    text = f"the cat {'x' * 500} sat"
    assert located(text, ["the", "sat"]) == [(0, 3), None]


def test_after_words_that_are_not_found_the_next_ones_are() -> None:
    unknown = " ".join("\u017ftrange" for _ in range(60))
    text = f"begin {unknown} end"
    assert located(text, ["begin", *["[strange]"] * 60, "end"])[-1] == (len(text) - 3, len(text))


def test_the_share_of_overlapping_spans_counts_each_character_once() -> None:
    assert share([(0, 4), (2, 6)], 12) == 0.5
    assert share([], 0) == 0


_PARTS = (
    "12", "-7", "$3.50", "3rd", "2,000", "x_1", "-up", "twenty-", "of", "the", "year", "May", "hours", "per", "users",
    "§", ":", "(b)", "no.", '"as is"', '"', "not", "a@b.org", "/", "\n",
)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(_PARTS), st.sampled_from((" ", "")), st.booleans()), max_size=16))
def test_whatever_goes_no_number_is_lost_and_none_is_made(parts: list[tuple[str, str, bool]]) -> None:
    text, gone = "", []
    for part, space, goes in parts:
        gone += [(len(text), len(text) + len(part))] if goes else []
        text += part + space
    made = rebuilt(text, gone, [*held(text), *quoted(text)])
    assert [found[0] for found in NUMBER.finditer(made)] == [found[0] for found in NUMBER.finditer(text)]


@given(st.text(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=6))
def test_what_is_left_is_in_the_original_in_the_same_order(text: str, spans: list[tuple[int, int]]) -> None:
    made = rebuilt(text, [(start, min(end, len(text))) for start, end in spans if start <= end <= len(text)])
    signs = iter(text)
    assert all(any(sign == other for other in signs) for sign in made if not sign.isspace())
    assert made.count("\n") <= text.count("\n")


@given(st.text(max_size=60))
def test_where_nothing_goes_the_text_is_the_same_bytes(text: str) -> None:
    assert rebuilt(text, []) == text
