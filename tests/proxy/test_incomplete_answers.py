"""Only a complete answer of the model that was asked is kept."""

from __future__ import annotations

import openai
import pytest

from tests.support import ROUTES, Keys, Provider, Route, RunningProxy, eventually, mark_of
from tests.support.fixtures import SLOW_MODEL, new_question

ALL_ROUTES = pytest.mark.parametrize("route", ROUTES)
STREAMED = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


def assert_not_kept(proxy: RunningProxy, key: str, asked: str) -> None:
    """Storing is asynchronous: one more answer is learned, so that the storing of what came before is over."""
    proxy.teach(key, new_question())
    proxy.teach_streamed(key, new_question())
    assert not proxy.has_stored(mark_of(asked))


@ALL_ROUTES
@STREAMED
@pytest.mark.parametrize("half", [("truncate", "length"), ("content_filter", "content_filter")])
def test_half_an_answer_is_not_kept(
    proxy: RunningProxy,
    provider: Provider,
    keys: Keys,
    question: str,
    half: tuple[str, str],
    streamed: bool,
    route: Route,
) -> None:
    fault, finish = half
    asked = f"{question} simulator:{fault}"

    def ask() -> None:
        if streamed:
            assert proxy.ask_streamed(keys.support, asked, route=route).finish_reason == finish
        else:
            assert proxy.ask(keys.support, asked, route=route).body.choices[0].finish_reason == finish

    ask()
    assert_not_kept(proxy, keys.support, asked)
    assert proxy.ask(keys.support, asked, route=route).cache == "miss"
    assert provider.times_asked(question) == 2


@ALL_ROUTES
@STREAMED
@pytest.mark.parametrize("fault", ["error:500", "disconnect"])
def test_a_failure_is_told_and_not_kept(
    proxy: RunningProxy,
    provider: Provider,
    keys: Keys,
    question: str,
    fault: str,
    streamed: bool,
    route: Route,
) -> None:
    asked = f"{question} simulator:{fault}"

    def ask() -> None:
        with pytest.raises(openai.APIError):
            (proxy.ask_streamed if streamed else proxy.ask)(keys.support, asked, route=route)

    ask()
    assert_not_kept(proxy, keys.support, asked)
    ask()
    assert provider.times_asked(question) == 2


@ALL_ROUTES
def test_what_a_client_left_behind_mid_stream_is_not_kept(
    proxy: RunningProxy,
    slow_provider: Provider,
    keys: Keys,
    question: str,
    route: Route,
) -> None:
    def leave_early() -> None:
        stream = proxy.client(keys.support, route).chat.completions.create(
            model=SLOW_MODEL, messages=[{"role": "user", "content": question}], stream=True
        )
        with stream:
            assert next(iter(stream)).choices
        eventually(
            lambda: slow_provider.requests_about(question)[0]["outcome"] != "open",
            what="the provider to be left, too",
        )

    leave_early()
    assert_not_kept(proxy, keys.support, question)
    again = proxy.ask_streamed(keys.support, question, model=SLOW_MODEL, route=route)
    assert again.cache == "miss"
    assert again.finish_reason == "stop"


@ALL_ROUTES
@STREAMED
def test_a_fallback_s_answer_is_served_but_not_kept(
    proxy: RunningProxy,
    keys: Keys,
    question: str,
    streamed: bool,
    route: Route,
) -> None:
    """It stands in for the model; it must not go on standing for it once that is back."""

    def ask() -> None:
        if streamed:
            told = proxy.ask_streamed(keys.support, question, model="fragile", route=route)
            assert (told.text != "", told.cache) == (True, "miss")
        else:
            whole = proxy.ask(keys.support, question, model="fragile", route=route)
            assert (bool(whole.text), whole.cache) == (True, "miss")

    ask()
    assert_not_kept(proxy, keys.support, question)
    ask()


@pytest.mark.parametrize("place", ["metadata", "litellm_metadata"])
def test_a_client_cannot_have_a_fallback_s_answer_kept(
    proxy: RunningProxy, keys: Keys, question: str, place: str
) -> None:
    """Which model answered is what the host says, not what the client wrote."""
    proxy.ask(keys.support, question, model="fragile", extra_body={place: {"model_group": "fragile"}})

    assert_not_kept(proxy, keys.support, question)


def test_why_an_answer_was_not_kept_is_counted(proxy: RunningProxy, keys: Keys, question: str) -> None:
    name = "litellm_plugins_cache_answers_total"
    before = proxy.metrics()
    proxy.ask(keys.support, f"{question} simulator:truncate")
    proxy.ask(keys.support, question, model="fragile")

    def both_counted() -> bool:
        now = proxy.metrics()
        outcomes = ("incomplete_answer", "fallback_answer")
        return all(now.value(name, outcome=each) > before.value(name, outcome=each) for each in outcomes)

    eventually(both_counted, what="both to be counted", every_s=0.2)
