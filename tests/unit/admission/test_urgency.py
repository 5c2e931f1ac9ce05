"""Who comes first, and how long it may take."""

from __future__ import annotations

import pytest

from litellm_plugins.admission.faults import Fault
from litellm_plugins.admission.urgency import priority, timeout_s
from litellm_plugins.settings.admission import Priorities

RULES = Priorities()


@pytest.mark.parametrize(("word", "number"), [("high", 1), ("normal", 10), ("low", 50), (None, None)])
def test_a_word_is_a_number(word: str | None, number: int | None) -> None:
    assert priority(word, "header", RULES) == number


def test_who_does_not_say_has_the_default() -> None:
    assert priority(None, "header", Priorities(default="normal")) == 10


@pytest.mark.parametrize(
    ("held_to", "number"),
    [((None, None), 1), (("normal", None), 10), (("normal", "low"), 50), (("low", "high"), 50), (("hihg",), 50)],
)
def test_the_lowest_of_what_key_and_team_are_held_to_holds(held_to: tuple[str | None, ...], number: int) -> None:
    """A word that is none of ours was meant to hold them to something."""
    assert priority("high", "header", RULES, held_to=held_to) == number


def test_asking_for_less_than_allowed_is_granted() -> None:
    assert priority("low", "header", Priorities(highest="normal"), held_to=("normal",)) == 50


@pytest.mark.parametrize("word", ["urgent", "", 1, {}, ["high"]])
def test_another_word_is_a_fault(word: object) -> None:
    fault = priority(word, "header", RULES)
    assert isinstance(fault, Fault)
    assert (fault.reason, fault.message) == ("bad_priority", "header: expected one of high, normal, low")


def test_without_priorities_nothing_is_put_in_order() -> None:
    assert priority("high", "header", None) is None


@pytest.mark.parametrize(
    ("allowed", "asked", "changed"),
    [
        (None, 5, None),
        (10, None, 10),
        (10, 5, None),
        (10, 10, None),
        (10, 20, 10),
        (10, 0, 10),
        (10, -1, 10),
        (10, "5", 10),
        (10, True, 10),
        (10, float("nan"), 10),
        (10, float("inf"), 10),
    ],
)
def test_the_shorter_timeout_holds(allowed: float | None, asked: object, changed: float | None) -> None:
    assert timeout_s(allowed, asked) == changed
