"""Fillers: what goes, what stays, and that no list holds what carries meaning."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litellm_plugins.compression.checker import losses
from litellm_plugins.compression.filler.phrases import Language, Phrases, listed
from litellm_plugins.compression.tokens import cl100k

BOTH = Phrases(("en", "es"))
LANGUAGES: tuple[Language, ...] = ("en", "es")
_CARRIES_MEANING = re.compile(
    r"\b(not|no|never|none|without|unless|except|only|just|at least|at most|must|shall|can|could|might|would|about"
    r"|nearly|quite|very|really|perhaps|maybe|nunca|sin|ni|nada|solo|sólo|apenas|al menos|como mucho|debe|puede|quizá"
    r"|casi|muy)\b"
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Please note that the gate is not open.", "The gate is not open."),
        ("It should be noted that Ann may leave.", "Ann may leave."),
        ("We left early in order to win.", "We left early to win."),
        ("In order to win, we left.", "To win, we left."),
        ("It failed due to\nthe fact that it rained.", "It failed because it rained."),
        ("He came, and it is worth noting that he paid.", "He came, and he paid."),
        ("It\u2019s worth noting that he paid.", "He paid."),
        ("Cabe destacar que el río no creció.", "El río no creció."),
        ("Vino con el objetivo de pagar.", "Vino para pagar."),
        ("Debido al hecho de que llovió, no vino.", "Porque llovió, no vino."),
        # A name is spelled as it is.
        ("Please note that iPhone users pay.", "iPhone users pay."),
        ("Please note that pH matters.", "pH matters."),
        ("Please note that x is the length.", "x is the length."),
        ("Please note that a gate is shut.", "A gate is shut."),
        ("Please note that config.yaml is read.", "config.yaml is read."),
    ],
)
def test_what_says_nothing_goes(before: str, after: str) -> None:
    assert BOTH.without(before) == after
    assert not losses(before, after)


@pytest.mark.parametrize(
    "text",
    [
        "It is just one of at least three, and only Ann knows.",
        "PLEASE NOTE THAT the gate is shut.",
        "Please note that",
        "Please note that\n\nThe gate is shut.",
        "Order in\n\norder to win.",
        "Do you know, by chance, who can be, as a matter of fact and not of law, liable?",
        "Pagan a fin de mes, con el fin de la guerra, en caso de que llueva.",
        "um, dois, três",
        "A re-prior to-do list.",
        "We put a prior to use on the weights, and they differ by means of 3 and 4 in the course of Ann Lee.",
        "",
    ],
)
def test_what_carries_meaning_stays(text: str) -> None:
    assert BOTH.without(text) == text


def test_one_language_leaves_the_other_alone() -> None:
    text = "Cabe destacar que vino in order to pay."
    assert Phrases(("en",)).without(text) == "Cabe destacar que vino to pay."
    assert Phrases(("es",)).without(text) == "Vino in order to pay."


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_entry_saves_tokens_and_holds_nothing_that_carries_meaning(language: Language) -> None:
    count, phrases = cl100k(), listed(language)
    assert len(phrases) > 20
    for phrase, new in phrases.items():
        assert count(f" {new}" if new else "") < count(f" {phrase}"), phrase
        assert phrase == phrase.lower() == " ".join(phrase.split())
        # "i would like to point out" announces; everything else with such a word is no filler
        assert not _CARRIES_MEANING.search(phrase.replace("i would like", "")), phrase
        assert not re.search(r"\d", phrase + new), phrase


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_entry_works_and_a_second_time_changes_nothing(language: Language) -> None:
    for phrase, new in listed(language).items():
        text = f"Ann came, {phrase} Bob paid 3 dollars."
        after = Phrases((language,)).without(text)
        assert after == f"Ann came, {f'{new} ' if new else ''}Bob paid 3 dollars."
        assert Phrases((language,)).without(after) == after


@given(
    st.lists(st.sampled_from([*listed("en"), *listed("es"), "not", "no", "3", "Ann", "a.b@c.org", ".", "\n\n", "¿sí?"]))
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_said_loses_nothing(words: list[str]) -> None:
    text = " ".join(words)
    after = BOTH.without(text)
    assert len(after) <= len(text)
    assert not losses(text, after)
