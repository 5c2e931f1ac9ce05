"""How values are written: cut, and with nothing invisible that misleads."""

from __future__ import annotations

import pytest

from litellm_plugins.ui import words
from litellm_plugins.ui.rendering import render

WHO = {"base": "/plugins/ui", "who": None}


def test_a_long_text_is_cut_and_says_so() -> None:
    shown = words.cut("x" * 1_000_000, 2_000)
    assert len(shown) < 2_050
    assert shown.endswith("… (1,000,000 characters)")
    assert words.cut("x" * 2_000, 2_000) == "x" * 2_000


@pytest.mark.parametrize("mark", ["\u202e", "\u202a", "\u2066", "\u2069"])
def test_marks_that_turn_the_direction_are_shown(mark: str) -> None:
    assert words.cut(f"a{mark}b", 10) == f"a[U+{ord(mark):04X}]b"


def test_texts_from_right_to_left_keep_their_own_marks() -> None:
    text = "שלום\u200f, مرحبا\u061c!"
    assert words.cut(text, 100) == text


@pytest.mark.parametrize("mark", ["\x00", "\x1b", "\x7f", "\ud800"])
def test_control_characters_and_halves_of_pairs_are_replaced(mark: str) -> None:
    shown = words.cut(f"a{mark}b", 10)
    assert shown == "a\ufffdb"
    assert shown.encode()


def test_line_ends_and_tabs_stay() -> None:
    assert words.cut("a\n\tb", 10) == "a\n\tb"


@pytest.mark.parametrize(
    ("dollars", "written"),
    [
        (0, "$0.00"),
        (1_234.5, "$1,234.50"),
        (0.05, "$0.0500"),
        (0.001234, "$0.001234"),
        (-0.05, "-$0.0500"),
        (None, "-"),
    ],
)
def test_dollars(dollars: float | None, written: str) -> None:
    assert words.usd(dollars) == written


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (0, "0%"),
        (0.0062, "0.62%"),
        (0.01, "1.0%"),
        (0.0991, "9.9%"),
        (0.000012, "0.0012%"),
        (0.5, "50.0%"),
        (None, "-"),
    ],
)
def test_small_shares_keep_two_digits(share: float | None, written: str) -> None:
    assert words.rate(share) == written


def test_a_time_is_told_in_utc() -> None:
    assert words.moment_of("2027-03-01T01:30:00+09:00") == "2027-02-28 16:30 UTC"
    assert words.moment_of("<b>") == "<b>"  # escaped by whoever shows it


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onfocus='alert(1)"])
def test_every_text_is_escaped_by_the_templates(text: str) -> None:
    page = render("fault.html", **WHO, status=404, heading=text, told=text)
    assert text not in page
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;" in page or "&#39;" in page


def test_no_template_has_a_style_or_a_script_of_its_own() -> None:
    page = render("fault.html", **WHO, status=404, heading="Not there", told="")
    assert "style=" not in page
    assert "<style" not in page
    assert page.count("<script") == 1
    assert 'src="/plugins/ui/keys.js?v=' in page


@pytest.mark.parametrize(
    ("dollars", "written"),
    [(0.0075, "$0.0075"), (0.015, "$0.015"), (0.06, "$0.06"), (0.6, "$0.60"), (1_500, "$1,500.00")],
)
def test_dollars_on_a_scale_have_no_zeros_too_many(dollars: float, written: str) -> None:
    assert words.usd_in_short(dollars) == written
