"""Messages, responses and completions are cached as chat completions are, streamed or not, whoever answers."""

from __future__ import annotations

import contextlib
from typing import Any

import anthropic
import openai
import pytest

from tests.support import Keys, Provider, RunningProxy, eventually, mark_of
from tests.support.fixtures import new_question
from tests.support.surfaces import CITY, COMPLETIONS, MESSAGES, NEW_SURFACES, RESPONSES, Asked, Surface, Told

ALL = pytest.mark.parametrize("surface", NEW_SURFACES, ids=lambda surface: surface.name)
NATIVE = pytest.mark.parametrize("surface", [MESSAGES, RESPONSES, COMPLETIONS], ids=lambda surface: surface.name)
WITH_TOOLS = pytest.mark.parametrize(
    "surface", [each for each in NEW_SURFACES if "tools" in each.says], ids=lambda surface: surface.name
)
EITHER = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


def said(told: Told) -> tuple[object, ...]:
    return told.text, told.calls, told.finish, told.usage


@ALL
@pytest.mark.parametrize("first_streamed", [False, True], ids=["whole", "streamed"])
@EITHER
def test_the_same_question_is_answered_from_the_cache_and_costs_nothing(
    proxy: RunningProxy, provider: Provider, keys: Keys, surface: Surface, first_streamed: bool, streamed: bool
) -> None:
    """Whether the answer came from a stream or not, it is served either way, and says the same."""
    question = new_question()
    first = surface.teach(proxy, keys.support, question, streamed=first_streamed)
    second = surface.ask(proxy, keys.support_colleague, question, streamed=streamed)

    assert (first.cache, second.cache, second.reason) == ("miss", "exact", "same_request")
    assert said(second) == said(first)
    assert second.finish == surface.finished
    assert second.usage[1] > 0
    assert second.cost_usd == 0
    assert float(second.headers["x-litellm-plugins-saved-usd"]) > 0
    assert provider.times_asked(question) == 1


@ALL
def test_a_hit_has_the_fields_of_a_fresh_answer(
    proxy: RunningProxy, keys: Keys, question: str, surface: Surface
) -> None:
    first = surface.teach(proxy, keys.support, question)
    second = surface.ask(proxy, keys.support, question)

    fresh, cached = first.body.to_dict(), second.body.to_dict()
    if surface.endpoint == "responses":  # its id is sealed anew for each who gets it
        assert fresh.pop("id") != cached.pop("id")
    assert cached == fresh


SIMILAR = [
    ("How do I cancel my gym membership?", "How can I cancel my gym membership?"),
    ("How do I renew my library card?", "How can I renew my library card?"),
    ("How do I return a kettle that leaks?", "How can I return a kettle that leaks?"),
    ("How do I change my electricity tariff?", "How can I change my electricity tariff?"),
    ("How do I report a lost suitcase?", "How can I report a lost suitcase?"),
    ("How do I enrol in an evening course?", "How can I enrol in an evening course?"),
]


@pytest.mark.parametrize(
    ("surface", "pair"), list(zip(NEW_SURFACES, SIMILAR, strict=True)), ids=[surface.name for surface in NEW_SURFACES]
)
def test_a_similar_question_is_answered_from_the_cache(
    proxy: RunningProxy, keys: Keys, surface: Surface, pair: tuple[str, str]
) -> None:
    """From a stream or not, as a stream or not."""
    first = surface.teach(proxy, keys.support, pair[0])
    assert (first.cache, surface.teach(proxy, keys.sales, pair[0], streamed=True).text) == ("miss", first.text)

    for key in (keys.support, keys.sales):
        for streamed in (False, True):
            second = surface.ask(proxy, key, pair[1], streamed=streamed)
            assert (second.cache, second.text) == ("semantic", first.text)


@ALL
def test_another_team_misses(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str, surface: Surface
) -> None:
    surface.teach(proxy, keys.support, question)

    assert surface.ask(proxy, keys.sales, question).cache == "miss"
    assert provider.times_asked(question) == 2


@NATIVE
def test_a_wrong_key_is_refused_as_ever(proxy: RunningProxy, keys: Keys, question: str, surface: Surface) -> None:
    surface.teach(proxy, keys.support, question)

    with pytest.raises((openai.AuthenticationError, anthropic.AuthenticationError)):
        surface.ask(proxy, "sk-wrong", question)


@NATIVE
def test_a_key_that_may_not_ask_the_model_gets_no_hit_either(
    proxy: RunningProxy, keys: Keys, question: str, surface: Surface
) -> None:
    surface.teach(proxy, keys.support, question)

    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as refused:
        surface.ask(proxy, keys.mini_only, question)
    error: Any = refused.value
    assert error.status_code in {401, 403}


@WITH_TOOLS
@EITHER
def test_tool_calls_are_stored_and_served(
    proxy: RunningProxy, provider: Provider, keys: Keys, surface: Surface, streamed: bool
) -> None:
    """Exactly only: the next words of a call are what similarity sees least."""
    asked = Asked(f"{new_question()} Then get weather for Lisbon.", tools={"get_weather": CITY}, tool_choice="required")
    first = surface.ask(proxy, keys.support, asked, streamed=streamed)
    assert [name for name, _ in first.calls] == ["get_weather"]
    eventually(lambda: surface.ask(proxy, keys.support, asked).cache == "exact", what="the call to be stored")

    for again in (False, True):
        told = surface.ask(proxy, keys.support, asked, streamed=again)
        assert (told.cache, told.calls) == ("exact", first.calls)
    near = asked.but(question=asked.question.replace("for Lisbon", "for the city of Lisbon"))
    assert surface.ask(proxy, keys.support, near).cache == "miss"


@ALL
@EITHER
def test_half_an_answer_is_not_kept(
    proxy: RunningProxy, provider: Provider, keys: Keys, surface: Surface, streamed: bool
) -> None:
    asked = f"{new_question()} simulator:truncate"
    half = surface.ask(proxy, keys.support, asked, streamed=streamed)
    assert half.finish == surface.cut_short

    _not_kept(proxy, keys, surface, asked)


# The SDKs raise for some broken answers, and take others for an answer's end, which then lacks what we look for.
_BROKEN = (openai.OpenAIError, anthropic.AnthropicError, AssertionError, AttributeError, StopIteration, TypeError)


@ALL
@EITHER
@pytest.mark.parametrize("fault", ["disconnect", "silent_end"])
def test_a_broken_answer_is_not_kept(
    proxy: RunningProxy, keys: Keys, surface: Surface, streamed: bool, fault: str
) -> None:
    asked = f"{new_question()} simulator:{fault}"
    with contextlib.suppress(*_BROKEN):
        surface.ask(proxy, keys.support, asked, streamed=streamed)

    _not_kept(proxy, keys, surface, asked)


def _not_kept(proxy: RunningProxy, keys: Keys, surface: Surface, asked: str) -> None:
    """Storing is asynchronous: one more answer is learned, so that the storing of what came before is over."""
    surface.teach(proxy, keys.support, new_question())
    surface.teach(proxy, keys.support, new_question(), streamed=True)
    assert not proxy.has_stored(mark_of(asked))


@NATIVE
def test_what_a_client_left_behind_mid_stream_is_not_kept(
    proxy: RunningProxy, slow_provider: Provider, keys: Keys, question: str, surface: Surface
) -> None:
    path = {"messages": "/v1/messages", "responses": "/v1/responses", "completions": "/v1/completions"}
    body = {"model": surface.slow_model, **surface.spell(Asked(question)), "stream": True}
    headers = {"authorization": f"Bearer {keys.support}"}
    with proxy.stream("POST", path[surface.endpoint], json=body, headers=headers) as response:
        assert next(response.iter_text())
    eventually(
        lambda: slow_provider.requests_about(question)[0]["outcome"] != "open", what="the provider to be left, too"
    )

    assert surface.ask(proxy, keys.support, question, model=surface.slow_model, streamed=True).cache == "miss"


@ALL
@EITHER
def test_a_fallback_s_answer_is_served_but_not_kept(
    proxy: RunningProxy, keys: Keys, surface: Surface, streamed: bool
) -> None:
    question = new_question()
    told = surface.ask(proxy, keys.support, question, model="fragile", streamed=streamed)
    assert (bool(told.text), told.cache) == (True, "miss")

    _not_kept(proxy, keys, surface, question)


@ALL
@EITHER
def test_a_hit_is_logged_with_what_it_saved_and_no_spend(
    proxy: RunningProxy, keys: Keys, surface: Surface, streamed: bool
) -> None:
    question = new_question()
    surface.teach(proxy, keys.legal, Asked(question, more=_by(surface, "ann")))
    spend, asked = "litellm_spend_metric_total", "litellm_proxy_total_requests_metric_total"
    eventually(lambda: proxy.metrics().value(spend, team="legal") > 0, what="the fresh answer's spend")
    before = proxy.metrics()
    told = surface.ask(proxy, keys.legal, Asked(question, more=_by(surface, "ann")), streamed=streamed)
    assert told.cache == "exact"

    eventually(
        lambda: proxy.metrics().value(asked, team="legal") > before.value(asked, team="legal"),
        what="the host to log the hit",
    )
    after, cached = proxy.metrics(), "litellm_cache_hits_metric_total"
    assert after.value(spend, team="legal") == before.value(spend, team="legal")
    assert after.value(cached) == before.value(cached) + 1


def _by(surface: Surface, end_user: str) -> dict[str, object]:
    return {"metadata": {"user_id": end_user}} if surface.endpoint == "messages" else {"user": end_user}


@ALL
def test_scope_end_user_keeps_users_apart(proxy: RunningProxy, keys: Keys, question: str, surface: Surface) -> None:
    """Team legal has that scope."""
    by_ann, by_bob = (Asked(question, more=_by(surface, name)) for name in ("ann", "bob"))
    surface.teach(proxy, keys.legal, by_ann)

    assert surface.ask(proxy, keys.legal, by_bob).cache == "miss"
    assert surface.ask(proxy, keys.legal, by_ann).cache == "exact"
    assert surface.ask(proxy, keys.legal, question).reason == "no_end_user"


@NATIVE
def test_what_is_asked_of_the_cache_is_heeded(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str, surface: Surface
) -> None:
    surface.teach(proxy, keys.support, question)
    refreshed = Asked(question, more={"extra_headers": {"x-litellm-plugins-cache": "refresh"}})
    bypassed = Asked(question, more={"extra_headers": {"x-litellm-plugins-cache": "bypass"}})

    assert surface.ask(proxy, keys.support, refreshed).reason == "refresh"
    assert surface.ask(proxy, keys.support, bypassed).cache == "bypass"
    assert (
        surface.ask(proxy, keys.support, Asked(question, more={"extra_body": {"cache": {"no-cache": True}}})).cache
        == "miss"
    )
    assert provider.times_asked(question) == 4


@EITHER
def test_a_response_repeats_what_its_own_request_said_of_its_user(
    proxy: RunningProxy, keys: Keys, question: str, streamed: bool
) -> None:
    """And nothing of who asked first."""
    anns = Asked(question, more={"metadata": {"ticket": "4711"}, "user": "ann", "prompt_cache_key": "anns"})
    bobs = Asked(question, more={"metadata": {"ticket": "4712"}, "user": "bob"})
    RESPONSES.teach(proxy, keys.support, anns, streamed=streamed)
    again = RESPONSES.ask(proxy, keys.support_colleague, bobs, streamed=not streamed)
    silent = RESPONSES.ask(proxy, keys.support_colleague, question, streamed=streamed)

    assert (again.cache, silent.cache) == ("exact", "exact")
    assert (again.body.metadata, again.body.user) == ({"ticket": "4712"}, "bob")
    assert (silent.body.metadata, silent.body.user, silent.body.prompt_cache_key) == ({}, None, None)
