"""The very same question again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import ROUTES, Keys, Provider, Route, RunningProxy, eventually
from tests.support.fixtures import new_question

ALL_ROUTES = pytest.mark.parametrize("route", ROUTES)


@ALL_ROUTES
def test_the_second_asking_is_answered_from_the_cache_and_costs_nothing(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str, route: Route
) -> None:
    first = proxy.teach(keys.support, question, route=route)
    second = proxy.ask(keys.support, question, route=route)

    assert (first.cache, second.cache, second.reason) == ("miss", "exact", "same_request")
    assert first.cost_usd > 0
    assert second.cost_usd == 0
    assert provider.times_asked(question) == 1


@ALL_ROUTES
def test_a_hit_has_the_body_of_the_fresh_answer(proxy: RunningProxy, keys: Keys, question: str, route: Route) -> None:
    """Also in shape: a client that reads a field of a fresh answer finds it in a cached one, and no other."""
    first = proxy.teach(keys.support, question, route=route)
    second = proxy.ask(keys.support, question, route=route)

    assert second.cache == "exact"
    assert second.wire == first.wire


def test_a_hit_says_what_it_saved(proxy: RunningProxy, keys: Keys, question: str) -> None:
    first = proxy.teach(keys.support, question)
    second = proxy.ask(keys.support, question)

    assert float(second.headers["x-litellm-plugins-saved-usd"]) == pytest.approx(first.cost_usd)
    assert second.similarity == 1
    assert second.headers["x-litellm-plugins-cache-id"]


def test_the_two_front_paths_share_answers(proxy: RunningProxy, keys: Keys, question: str) -> None:
    first = proxy.teach(keys.support, question, route="v1")
    second = proxy.ask(keys.support, question, route="bare")

    assert (second.cache, second.body.id) == ("exact", first.body.id)


def test_a_path_of_the_host_s_own_shares_them_too(proxy: RunningProxy, keys: Keys, question: str) -> None:
    first = proxy.teach(keys.support, question)
    body = {"messages": [{"role": "user", "content": question}]}
    second = proxy.http("POST", "/openai/deployments/gpt-4.1/chat/completions", keys.support, json=body)

    assert second.headers["x-litellm-plugins-cache"] == "exact"
    assert second.json()["id"] == first.body.id


def test_a_chat_of_five_messages_is_cached_too(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str
) -> None:
    """The host's own cache never takes a chat of more than four messages."""
    chat = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hello! What can I do for you?"},
        {"role": "user", "content": "I have a question."},
        {"role": "user", "content": question},
    ]
    first = proxy.teach(keys.support, messages=chat)
    for route in ("v1", "bare"):
        again = proxy.ask(keys.support, messages=chat, route=route)
        assert (again.cache, again.text) == ("exact", first.text)
    assert provider.times_asked(question) == 1


def test_metrics_count_hits_and_savings_but_no_spend(proxy: RunningProxy, keys: Keys) -> None:
    question = new_question()
    fresh = proxy.teach(keys.sales, question)
    spend = "litellm_spend_metric_total"
    eventually(lambda: proxy.metrics().value(spend, team="sales") > 0, what="the fresh answer's spend")
    before = proxy.metrics()
    for route in ROUTES[:2]:
        assert proxy.ask(keys.sales, question, route=route).cache == "exact"

    hits, saved = "litellm_plugins_requests_total", "litellm_plugins_saved_usd_total"
    asked = "litellm_proxy_total_requests_metric_total"
    eventually(
        lambda: proxy.metrics().value(asked, team="sales") >= before.value(asked, team="sales") + 2,
        what="the host to log both hits",
    )
    after = proxy.metrics()
    assert after.value(hits, layer="exact") == before.value(hits, layer="exact") + 2
    assert after.value(saved, cause="exact") - before.value(saved, cause="exact") == pytest.approx(2 * fresh.cost_usd)
    assert after.value(spend, team="sales") == before.value(spend, team="sales")


def test_many_at_once_asking_the_same_are_all_answered_alike_afterwards(
    proxy: RunningProxy, keys: Keys, question: str
) -> None:
    """They may all miss; once they are answered, one answer stands."""
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: proxy.ask(keys.support, question), range(48)))
    later = {proxy.teach(keys.support, question).body.id for _ in range(3)}

    assert all(answer.text == answers[0].text for answer in answers)
    assert len(later) == 1
    assert later <= {answer.body.id for answer in answers}
