"""What is said of the verdict before."""

from __future__ import annotations

import pytest

from litellm_plugins.ui.notices import not_taken, notice, overtaken, taken

ID = "0" * 31 + "a"


def test_a_verdict_that_was_taken_in_can_be_changed() -> None:
    told = notice(taken("wrong", ID, ("evicted", "remembered")))
    assert told is not None
    assert (told.told, told.item, told.verdict) == ("Recorded as wrong.", ID, "right")
    assert told.effects[-1] == "this pair never hits again"


def test_one_that_was_overtaken_says_by_what() -> None:
    told = notice(overtaken("right", ID, "wrong"))
    assert told is not None
    assert "as wrong while you looked at it: your right was not recorded" in told.told
    assert (told.is_taken, told.item, told.verdict) == (False, ID, "right")


@pytest.mark.parametrize("why", ["gone", "busy"])
def test_one_that_was_not_taken_in_says_so(why: str) -> None:
    told = notice(not_taken(why))
    assert told is not None
    assert "nothing was recorded" in told.told
    assert not told.verdict


@pytest.mark.parametrize(
    "query",
    [{}, {"done": "<b>"}, {"not": "paid"}, {"not": "meanwhile", "verdict": "right", "said": "<b>", "item": ID}],
)
def test_an_address_says_nothing_else(query: dict[str, str]) -> None:
    assert notice(query) is None


def test_an_address_names_no_item_but_by_its_id() -> None:
    told = notice({"done": "wrong", "effects": "<b>", "item": '"><script>'})
    assert told is not None
    assert (told.item, told.verdict, told.effects) == ("", "", ())
