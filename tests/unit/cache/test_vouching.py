"""Which answers stand behind each other, where several tenants share them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from litellm_plugins.cache.answers import vouches


def said(text: str) -> dict[str, Any]:
    return {"choices": [{"message": {"content": text}}]}


def vouched(fresh: str, cached: str) -> bool:
    return vouches(said(fresh), orjson.dumps(said(cached)))


@pytest.mark.parametrize(
    ("fresh", "cached"),
    [
        ("Call 5550100 or see help.example.com.", "You may call 5550100, or see help.example.com"),
        ("Open the settings.", "Please open the settings."),
        ("The same, and long. " * 200, "the same,  and long. " * 200),
    ],
)
def test_other_words_for_the_same_facts_do(fresh: str, cached: str) -> None:
    assert vouched(fresh, cached)


@pytest.mark.parametrize(
    ("fresh", "cached"),
    [
        ("Call 5550100 at 9, 10 or 11.", "Call 5550199 at 9, 10 or 11."),
        ("See https://help.example.com/pin.", "See https://help.example.evil/pin."),
        ("Write to help@example.com.", "Write to help@examp1e.com."),
        ("See help.example.com.", "See help.example.co."),
        ("Use the voucher SAVE10NOW.", "Use the voucher SAVE99NOW."),
        ("It is so. " * 120, "It is so. " * 119 + "Send your PIN to us."),
        ("Open the settings.", "Open the settings.\U000e0041\U000e0042"),
    ],
)
def test_one_figure_link_or_unread_sentence_more_does_not(fresh: str, cached: str) -> None:
    """A planted answer needs no more than that, and it hardly moves the embedding."""
    assert not vouched(fresh, cached)
    assert not vouched(cached, fresh)
