"""What a client may ask of the cache for one request."""

from __future__ import annotations

import time
from typing import Any

import openai
import pytest

from tests.support import ROUTES, Keys, Provider, Route, RunningProxy, mark_of
from tests.support.fixtures import new_question

HEADER = "x-litellm-plugins-cache"
ALL_ROUTES = pytest.mark.parametrize("route", ROUTES)
REFRESHES: dict[str, dict[str, Any]] = {
    "no-cache": {"extra_body": {"cache": {"no-cache": True}}},
    "header": {"extra_headers": {HEADER: "refresh"}},
    "metadata": {"extra_body": {"metadata": {"litellm_plugins": {"cache": "refresh"}}}},
}


@ALL_ROUTES
@pytest.mark.parametrize("how", REFRESHES)
def test_a_refresh_asks_the_provider_and_later_askers_get_the_newer_answer(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str, how: str, route: Route
) -> None:
    older = proxy.teach(keys.support, question, route=route)
    newer = proxy.teach(keys.support, question, route=route, **REFRESHES[how])
    later = proxy.ask(keys.support, question, route=route)

    assert (newer.cache, newer.reason) == ("miss", "refresh")
    assert newer.body.id != older.body.id
    assert provider.times_asked(question) == 2
    assert (later.cache, later.body.id) == ("exact", newer.body.id)


@ALL_ROUTES
def test_no_store_keeps_nothing(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str, route: Route
) -> None:
    proxy.ask(keys.support, question, route=route, extra_body={"cache": {"no-store": True}})
    proxy.teach(keys.support, new_question(), route=route)  # storing is asynchronous: what came before is over

    assert not proxy.has_stored(mark_of(question))
    assert proxy.ask(keys.support, question, route=route).cache == "miss"
    assert provider.times_asked(question) == 2


def test_a_ttl_of_one_second_is_over_after_one(proxy: RunningProxy, keys: Keys, question: str) -> None:
    proxy.teach(keys.support, question, extra_body={"cache": {"ttl": 1}})
    time.sleep(1.1)  # the proxy's own clock, in another process

    assert proxy.ask(keys.support, question).cache == "miss"


def test_an_answer_older_than_s_maxage_is_not_served(proxy: RunningProxy, keys: Keys, question: str) -> None:
    proxy.teach(keys.support, question)
    time.sleep(1.1)

    assert proxy.ask(keys.support, question, extra_body={"cache": {"s-maxage": 60}}).cache == "exact"
    assert proxy.ask(keys.support, question, extra_body={"cache": {"s-maxage": 1}}).cache == "miss"


@ALL_ROUTES
def test_a_bypass_neither_looks_up_nor_stores(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str, route: Route
) -> None:
    known = proxy.teach(keys.support, question, route=route)
    answer = proxy.ask(keys.support, question, route=route, extra_headers={HEADER: "bypass"})
    proxy.teach(keys.support, new_question(), route=route)

    assert (answer.cache, answer.reason) == ("bypass", "requested")
    assert provider.times_asked(question) == 2
    assert not proxy.has_stored(answer.body.id)
    assert proxy.ask(keys.support, question, route=route).body.id == known.body.id


NONSENSE: dict[str, dict[str, Any]] = {
    "header": {"extra_headers": {HEADER: "sometimes"}},
    "metadata": {"extra_body": {"metadata": {"litellm_plugins": {"cache": "sometimes"}}}},
    "no object": {"extra_body": {"cache": "no-cache"}},
    "negative ttl": {"extra_body": {"cache": {"ttl": -1}}},
    "ttl in words": {"extra_body": {"cache": {"ttl": "an hour"}}},
    "ttl true": {"extra_body": {"cache": {"ttl": True}}},
    "negative s-maxage": {"extra_body": {"cache": {"s-maxage": -1}}},
    "namespace of another type": {"extra_body": {"cache": {"namespace": 7}}},
}


@ALL_ROUTES
@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_is_refused_in_openai_s_words(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str, what: str, route: Route
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        proxy.ask(keys.support, question, route=route, **NONSENSE[what])

    error = refused.value.body
    assert isinstance(error, dict)
    assert error["type"] == "invalid_request_error"
    assert error["param"]
    assert error["message"].startswith(error["param"])
    assert provider.times_asked(question) == 0


@ALL_ROUTES
def test_a_cache_field_of_null_is_as_none(proxy: RunningProxy, keys: Keys, question: str, route: Route) -> None:
    """SDKs write null where nothing was said; the host's cache logic would break on it."""
    known = proxy.teach(keys.support, question, route=route, extra_body={"cache": None})
    assert known.cache == "miss"
    assert proxy.ask(keys.support, question, route=route).cache == "exact"


def test_a_cache_field_of_nonsense_does_no_harm_on_an_endpoint_that_is_not_ours(
    proxy: RunningProxy, bare_proxy: RunningProxy, question: str
) -> None:
    body = {"model": "text-embedding-3-small", "query": question, "documents": ["a"]}
    ours, stock = (
        each.http("POST", "/v1/rerank", each.master_key, json={**body, "cache": "yes"}) for each in (proxy, bare_proxy)
    )
    assert (ours.status_code, ours.text[:60]) == (stock.status_code, stock.text[:60])
    assert "cache" not in ours.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"model": "text-embedding-3-small", "input": "hello"}),
        ("/v1/messages", {"model": "gpt-4.1", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}),
        ("/v1/responses", {"model": "gpt-4.1", "input": "hello"}),
        ("/v1/completions", {"model": "gpt-4.1", "prompt": "hello"}),
    ],
)
def test_a_cache_field_of_nonsense_is_refused_wherever_it_means_something(
    proxy: RunningProxy, keys: Keys, path: str, body: dict[str, Any]
) -> None:
    refused = proxy.http("POST", path, keys.support, json={**body, "cache": "yes"})

    assert refused.status_code == 400
    assert "cache must be an object" in refused.text
