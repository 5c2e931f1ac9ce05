"""In which words two questions differ."""

from __future__ import annotations

import pytest

from litellm_plugins.ui.differences import parts


@pytest.mark.parametrize(
    ("text", "other", "marked"),
    [
        ("How do I cancel order 17?", "How do I cancel order 71?", ["17?"]),
        ("Is it not allowed to park here", "Is it allowed to park here", ["not"]),
        ("how can I RESET my PIN", "How can I reset my pin?", []),
        ("What is new", "Who sells old tyres", []),  # nothing but differences
        ("Is it above -5 there", "Is it above 5 there", ["-5"]),
        ("the same", "", []),
        ("", "other", []),
        ("?! ...", "other", []),
        ("<b>one</b> two three", "one two three", ["<b>one</b>"]),
    ],
)
def test_words_that_the_other_lacks_are_marked_and_no_letter_is_lost(text: str, other: str, marked: list[str]) -> None:
    found = parts(text, other)
    assert "".join(part.text for part in found) == text
    assert [part.text for part in found if part.differs] == marked


def test_what_stands_between_marked_words_is_not_marked() -> None:
    told = parts("please send it to Lima in Peru by the end of May", "please send it to Oslo by the end of May")
    assert [part.text for part in told] == [
        "please send it to ",
        "Lima",
        " ",
        "in",
        " ",
        "Peru",
        " by the end of May",
    ]
