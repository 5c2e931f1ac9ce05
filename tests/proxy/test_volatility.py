"""The class of a prompt, over HTTP: who is served, whether at all, and for how long."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.support import ROUTES, Keys, Provider, Route, RunningProxy

CLASS = "x-litellm-plugins-cache-class"


@pytest.mark.parametrize("route", ROUTES)
def test_an_answer_about_one_s_own_data_is_never_another_end_user_s(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str, route: Route
) -> None:
    """Team support shares everything else."""
    own = f"Where is my order, the one of this note: {question}"
    ann = proxy.teach(keys.support, own, user="ann", route=route)
    assert (ann.cache, ann.headers[CLASS]) == ("miss", "user_specific")

    assert proxy.ask(keys.support, own, user="bob", route=route).cache == "miss"
    again = proxy.ask(keys.support_colleague, own, user="ann", route=route)
    assert (again.cache, again.body.id) == ("exact", ann.body.id)
    assert provider.times_asked(own) == 2


def test_a_paraphrase_of_it_is_not_either(proxy: RunningProxy, keys: Keys) -> None:
    ann = proxy.teach(keys.support, "What is my balance?", user="ann")
    assert proxy.ask(keys.support, "What's my balance?", user="bob").cache == "miss"
    again = proxy.ask(keys.support, "What's my balance?", user="ann")
    assert (again.cache, again.body.id) == ("semantic", ann.body.id)


def test_in_spanish_too(proxy: RunningProxy, keys: Keys) -> None:
    proxy.teach(keys.support, "¿Dónde está mi paquete?", user="ann")
    bob = proxy.ask(keys.support, "¿Dónde está mi paquete?", user="bob")
    assert (bob.cache, bob.headers[CLASS]) == ("miss", "user_specific")


@pytest.mark.parametrize("route", ROUTES)
def test_without_an_end_user_it_is_asked_anew_each_time(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str, route: Route
) -> None:
    own = f"Has my claim been settled? It rests on this: {question}"
    for _ in range(2):
        answer = proxy.ask(keys.support, own, route=route)
        assert (answer.cache, answer.reason, answer.headers[CLASS]) == ("bypass", "no_end_user", "user_specific")
    assert provider.times_asked(own) == 2


def test_a_time_bound_question_is_asked_anew_each_time(proxy: RunningProxy, keys: Keys, provider: Provider) -> None:
    text = "What are the latest headlines from Bogotá right now?"
    for streamed in (False, True):
        answer = proxy.ask_streamed(keys.support, text) if streamed else proxy.ask(keys.support, text)
        assert answer.cache == "bypass"
        assert answer.headers["x-litellm-plugins-cache-reason"] == "realtime"
    assert provider.times_asked("headlines from Bogot") == 2


def test_a_feature_that_the_settings_name_is_of_its_class_whatever_it_asks(
    proxy: RunningProxy, keys: Keys, question: str
) -> None:
    ways: dict[str, dict[str, Any]] = {
        "metadata": {"metadata": {"feature": "help-desk"}},
        "a tag": {"extra_headers": {"x-litellm-tags": "feature:help-desk"}},
    }
    for way, named in ways.items():
        text = f"{'Where is my card' if way == 'a tag' else 'Cancel the newsletter in my account'}? {question}"
        first = proxy.teach(keys.support, text, user="ann", **named)
        other = proxy.ask(keys.support, text, user="bob", **named)
        assert (other.cache, other.body.id, other.headers[CLASS]) == ("exact", first.body.id, "faq")


@pytest.mark.parametrize(
    ("text", "kind", "least_s", "most_s"),
    [
        ("How do I change the lock of locker seven?", "faq", 3_240, 3_600),
        ("What is the capital of Burkina Faso?", "static", 77_760, 86_400),
        ("Who painted the ceiling of the Sistine Chapel?", "archival", 544_320, 604_800),
    ],
)
def test_the_class_gives_the_lifetime(
    proxy: RunningProxy, keys: Keys, text: str, kind: str, least_s: float, most_s: float
) -> None:
    """Less a tenth at most, so that what was stored together does not lapse together."""
    answer = proxy.teach(keys.support, text)
    lives_s, of_class = _stored(proxy, answer.body.id)
    assert answer.headers[CLASS] == of_class == kind
    assert least_s <= lives_s <= most_s


def test_a_lifetime_that_the_client_names_goes_before_that_of_the_class(proxy: RunningProxy, keys: Keys) -> None:
    answer = proxy.teach(keys.support, "What is the capital of Bhutan?", extra_body={"cache": {"ttl": 30}})
    lives_s, of_class = _stored(proxy, answer.body.id)
    assert of_class == ""
    assert lives_s == pytest.approx(30, abs=0.01)


def test_classes_are_counted(proxy: RunningProxy, keys: Keys) -> None:
    before = proxy.metrics().value("litellm_plugins_cache_classes_total", **{"class": "realtime", "layer": "bypass"})
    proxy.ask(keys.support, "Will it rain in Quito tomorrow?")
    after = proxy.metrics().value("litellm_plugins_cache_classes_total", **{"class": "realtime", "layer": "bypass"})
    assert after == before + 1


def _stored(proxy: RunningProxy, words: str) -> tuple[float, str]:
    """How long the answer with these words lives, and by which class."""
    with closing(sqlite3.connect(f"{proxy.database.as_uri()}?mode=ro", uri=True, timeout=5)) as db:
        query = "SELECT expires_at - created_at, volatility FROM cache_entries WHERE instr(CAST(body AS TEXT), ?)"
        ((lives_s, kind),) = db.execute(query, (words,)).fetchall()
    return lives_s, kind
