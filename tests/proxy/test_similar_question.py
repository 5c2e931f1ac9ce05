"""A question that means the same, in other words."""

from __future__ import annotations

import pytest

from tests.support import ROUTES, Keys, Provider, Route, RunningProxy

WORDINGS = {
    "v1": ("How do I reset my card PIN?", "How can I reset my card PIN?"),
    "bare": ("Where can I see my last invoice?", "Where do I see my last invoice?"),
    "host": ("How do I order a spare battery?", "How can I order a spare battery?"),
}


@pytest.mark.parametrize("route", ROUTES)
def test_a_paraphrase_is_answered_from_the_cache_with_its_similarity(
    proxy: RunningProxy, provider: Provider, keys: Keys, route: Route
) -> None:
    asked, other_words = WORDINGS[route]
    first = proxy.teach(keys.support, asked, route=route)
    second = proxy.ask(keys.support, other_words, route=route)

    assert (second.cache, second.reason) == ("semantic", "above_threshold")
    assert 0.92 <= second.similarity < 1
    assert second.cost_usd == 0
    assert (second.text, second.body.id) == (first.text, first.body.id)
    assert provider.times_asked(other_words) == 0


def test_a_streamed_paraphrase_is_a_hit(proxy: RunningProxy, keys: Keys) -> None:
    first = proxy.teach(keys.support, "How do I change my delivery address?")
    second = proxy.ask_streamed(keys.support, "How can I change my delivery address?")

    assert (second.cache, second.text) == ("semantic", first.text)


def test_other_numbers_are_another_question(proxy: RunningProxy, provider: Provider, keys: Keys) -> None:
    """Embeddings hardly see numbers."""
    proxy.teach(keys.support, "What is the monthly fee for the plan with 20 gigabytes of data per month?")
    other = proxy.ask(keys.support, "What is the monthly fee for the plan with 30 gigabytes of data per month?")

    assert (other.cache, other.reason) == ("miss", "numbers_differ")
    assert other.similarity >= 0.92
    assert provider.times_asked("30 gigabytes") == 1


def test_another_question_is_a_miss_that_says_how_near_the_nearest_was(proxy: RunningProxy, keys: Keys) -> None:
    proxy.teach(keys.support, "How do I close my savings account?")
    other = proxy.ask(keys.support, "What is the tallest mountain of Bolivia?")

    assert (other.cache, other.reason) == ("miss", "below_threshold")
    assert 0 < other.similarity < 0.92


def test_a_question_too_long_to_be_read_whole_is_served_to_the_very_same_one_only(
    proxy: RunningProxy, keys: Keys
) -> None:
    """The local model reads a few hundred words: what it has not read, it cannot compare."""
    story = "The parcel went from the warehouse to the harbour and back again. " * 200
    taught = proxy.teach(keys.support, f"{story} Where is it?")
    other = proxy.ask(keys.support, f"{story} Who pays for it?")

    assert (other.cache, other.reason) == ("miss", "question_not_read")
    assert proxy.ask(keys.support, f"{story} Where is it?").body.id == taught.body.id
