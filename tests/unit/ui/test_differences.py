"""In which words two questions differ."""

from __future__ import annotations

import pytest

from litellm_plugins.ui.differences import told_apart


@pytest.mark.parametrize(
    ("one", "other", "marked"),
    [
        ("How do I cancel order 17?", "How do I cancel order 71?", ["17?", "71?"]),
        ("Is it not allowed to park here", "Is it allowed to park here", ["not"]),
        ("how can I RESET my PIN", "How can I reset my pin?", []),
        ("Is it above -5 there", "Is it above 5 there", ["-5", "5"]),
        ("How do I reset it of account 2", "How can I reset it", ["do", "of", "account", "2", "can"]),
        ("What is new", "Who sells old tyres", []),  # nothing but differences: neither is marked
        ("Who is he", "Who is the man that she saw there then", []),
        ("the same", "", []),
        ("", "other", []),
        ("?! ...", "other", []),
        ("<b>one</b> two three", "two three", ["<b>one</b>"]),
    ],
)
def test_words_that_only_one_has_are_marked_and_no_letter_is_lost(one: str, other: str, marked: list[str]) -> None:
    both = told_apart(one, other)
    assert ["".join(part.text for part in each) for each in both] == [one, other]
    assert [part.text for each in both for part in each if part.differs] == marked
