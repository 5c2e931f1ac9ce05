"""A question that is asked again a moment later, over two workers: one call where its class is not cached at all."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support import Keys, Provider, RunningProxy, eventually, proxy_config
from tests.support.at_once import ask_at_once, ask_over, chat
from tests.support.fixtures import new_question
from tests.support.redis_server import RedisServer
from tests.support.workers import in_turn, on_each_worker

WINDOW_S = 15.0  # the machine of the tests stands still for seconds
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def proxies(
    redis_server: RedisServer, provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, RunningProxy]]:
    """By store. Both run side by side, and so do their windows: the last test waits once for both to end."""
    redis_server.call("FLUSHALL")
    pack: dict[str, Any] = {
        "coalesce": {"enabled": True, "lease_s": 15.0, "window_s": WINDOW_S},
        "budgets": [{"name": "all", "limit_usd": 100}],
    }
    stores = {"sqlite": {}, "redis": {"storage": {"url": redis_server.url, "timeout_ms": 10_000}}}
    with ExitStack() as stack:
        running = {}
        for name, storage in stores.items():
            config = proxy_config(provider.url, pack=pack | storage)
            folder = tmp_path_factory.mktemp(f"window_{name}")
            proxy = RunningProxy(config, folder, provider_url=provider.url, num_workers=2)
            running[name] = stack.enter_context(proxy)
        yield running


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def proxy(proxies: Mapping[str, RunningProxy], store: str) -> RunningProxy:
    return proxies[store]


@pytest.fixture(scope="module")
def asked_before() -> dict[str, str]:
    """By store, the question of the first test, which the last one asks again."""
    return {}


def news() -> str:
    return f"What is the latest news today? {new_question()}"


def test_who_asks_a_moment_later_is_served_without_a_call(
    proxy: RunningProxy, store: str, asked_before: dict[str, str], provider: Provider, keys: Keys
) -> None:
    question = asked_before[store] = news()
    began = time.monotonic()
    (first,) = ask_at_once(proxy.url, [(keys.support, chat(question))])
    assert (first.status, first.cache) == (200, "bypass")
    assert first.headers["x-litellm-plugins-cache-reason"] == "realtime"
    asked = [(keys.support, chat(question, stream=n < 5)) for n in range(10)]
    with on_each_worker(proxy, clients=5) as clients:
        told = ask_over(in_turn(clients), asked)
    assert time.monotonic() - began < WINDOW_S, "the machine is too busy to say anything"
    assert provider.times_asked(question) == 1
    assert {(each.status, each.cache) for each in told} == {(200, "coalesced")}
    assert {each.headers["x-litellm-plugins-cache-reason"] for each in told} == {"just_asked"}
    assert {each.headers["x-litellm-plugins-budget-reason"] for each in told} == {"coalesced"}
    assert {float(each.headers["x-litellm-response-cost"]) for each in told} == {0.0}
    assert {each.text for each in told} == {first.text}


def test_all_that_ask_it_at_once_are_one_call(proxy: RunningProxy, provider: Provider, keys: Keys) -> None:
    question = f"{news()} simulator:stall:2"
    asked = [(keys.support, chat(question, stream=n < 10)) for n in range(20)]
    with on_each_worker(proxy, clients=10) as clients:
        told = ask_over(in_turn(clients), asked)
    assert {each.status for each in told} == {200}
    assert provider.times_asked(question) == 1
    assert len({each.text for each in told}) == 1


def test_other_teams_and_who_wants_its_own_are_asked_for(proxy: RunningProxy, provider: Provider, keys: Keys) -> None:
    question = news()
    ask_at_once(proxy.url, [(keys.support, chat(question))])
    (sales,) = ask_at_once(proxy.url, [(keys.sales, chat(question))])
    (fresh,) = ask_at_once(proxy.url, [(keys.support, chat(question, cache={"no-cache": True}))])
    assert {sales.cache, fresh.cache} == {"bypass"}
    assert provider.times_asked(question) == 3


def test_after_the_window_it_is_asked_anew(
    proxy: RunningProxy, store: str, asked_before: dict[str, str], provider: Provider, keys: Keys
) -> None:
    question = asked_before[store]
    assert provider.times_asked(question) == 1

    def asked_anew() -> bool:
        (later,) = ask_at_once(proxy.url, [(keys.support, chat(question))])
        return later.cache == "bypass"

    eventually(asked_anew, what="the window to end", timeout_s=2 * WINDOW_S, every_s=1)
    assert provider.times_asked(question) == 2
