"""Identical requests at once, over two workers: one call, one charge, and everybody is answered."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from litellm_plugins.simulator.wire import RequestError
from tests.support import Keys, Provider, RunningProxy, eventually, proxy_config
from tests.support.at_once import Told, ask_at_once, chat
from tests.support.fixtures import new_question
from tests.support.redis_server import RedisServer

FLIGHTS = "litellm_plugins_coalesced_total"
LEASE_S = 2.0


class Failing:
    """The simulator's script: questions that fail so many times before they are answered."""

    def __init__(self) -> None:
        self.left: Counter[str] = Counter()

    def __call__(self, _model: str, question: str) -> str | None:
        if self.left[question] > 0:
            self.left[question] -= 1
            raise RequestError(500, "The server had an error while processing your request.")
        return None


@pytest.fixture(scope="module")
def failing() -> Failing:
    return Failing()


@pytest.fixture(scope="module")
def provider(failing: Failing) -> Iterator[Provider]:
    with Provider(script=failing) as provider:
        yield provider


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def proxy(
    request: pytest.FixtureRequest, provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    pack = {"coalesce": {"enabled": True, "lease_s": LEASE_S}}
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        server.call("FLUSHALL")
        pack["storage"] = {"url": server.url, "timeout_ms": 10_000}
    config = proxy_config(provider.url, pack=pack)
    folder = tmp_path_factory.mktemp(f"coalescing_{request.param}")
    with RunningProxy(config, folder, provider_url=provider.url, num_workers=2) as running:
        yield running


def slow(stall_s: float = 2.0) -> str:
    """A new question whose answer takes so long."""
    return f"{new_question()} simulator:stall:{stall_s:g}"


@pytest.mark.parametrize("streamed", ["none", "all", "every other"])
def test_a_hundred_at_once_are_one_call_one_charge_and_a_hundred_answers(
    proxy: RunningProxy, provider: Provider, keys: Keys, streamed: str
) -> None:
    question = slow()
    before = proxy.metrics()
    streams = {"none": 1_000, "all": 1, "every other": 2}[streamed]
    told = ask_at_once(
        proxy.url, [(keys.support, chat(question, stream=n % streams == 1 % streams)) for n in range(100)]
    )

    assert {each.status for each in told} == {200}
    assert provider.times_asked(question) == 1
    assert len({each.text for each in told}) == len({each.answer_id for each in told}) == 1
    assert Counter(each.cache for each in told) == {"miss": 1, "coalesced": 99}
    assert {each.headers["x-litellm-plugins-cache-reason"] for each in told if each.cache == "coalesced"} == {
        "in_flight"
    }
    usages = {str(sorted((each.usage or {}).items())[:0] or _tokens(each)) for each in told}
    assert len(usages) == 1

    def counted(part: str) -> float:
        return proxy.metrics().value(FLIGHTS, part=part) - before.value(FLIGHTS, part=part)

    assert (counted("led"), counted("followed")) == (1, 99)
    after = eventually(
        lambda: _if_all_logged(proxy, before.value("litellm_proxy_total_requests_metric_total") + 100),
        what="the host's count of requests",
    )
    del after


def _tokens(told: Told) -> tuple[int, int]:
    return (told.usage["prompt_tokens"], told.usage["completion_tokens"])


def _if_all_logged(proxy: RunningProxy, count: float) -> bool:
    return proxy.metrics().value("litellm_proxy_total_requests_metric_total") >= count
