"""Long texts, cut for a model that reads 512 tokens."""

from __future__ import annotations

import re

import pytest

from litellm_plugins.compression.llmlingua.windows import windows

TEXT = "".join(f"Sentence {at} is about this and that, as they go.\n" for at in range(100))


def tokens(text: str) -> list[tuple[int, int]]:
    return [found.span() for found in re.finditer(r"\w+|[^\w\s]", text)]


@pytest.mark.parametrize("most", [20, 77, 478])
def test_windows_are_the_whole_text_each_within_the_bound_and_about_equally_long(most: int) -> None:
    cut = windows(TEXT, tokens(TEXT), most)
    sizes = [len(tokens(TEXT[start:end])) for start, end in cut]
    assert "".join(TEXT[start:end] for start, end in cut) == TEXT
    assert max(sizes) <= most
    assert min(sizes[:-1]) >= 0.7 * max(sizes)


def test_a_window_ends_with_a_line_or_a_sentence_where_one_ends_near() -> None:
    for _, end in windows(TEXT, tokens(TEXT), 60)[:-1]:
        assert TEXT[:end].endswith("\n")


def test_a_text_without_spaces_is_cut_anywhere() -> None:
    text = "我" * 1_000
    cut = windows(text, [(at, at + 1) for at in range(1_000)], 300)
    assert [end - start for start, end in cut] == [250] * 4


def test_what_fits_is_one_window_and_nothing_is_none() -> None:
    assert windows("short text", tokens("short text"), 400) == [(0, 10)]
    assert windows("  ", [], 400) == []
