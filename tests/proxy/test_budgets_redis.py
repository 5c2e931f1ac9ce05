"""The ledger on Redis: two workers hold one limit, and a Redis that goes away is refused or allowed, as set."""

from __future__ import annotations

import functools
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support import Provider, RunningProxy, eventually
from tests.support.budget_proxy import (
    ONE_USD_NANO,
    ROOM_FOR_TEN_NANO,
    budget,
    budget_config,
    post,
    race,
    told,
)
from tests.support.budgets import Held, billed, held_on_redis, settled
from tests.support.redis_server import RedisServer, why_no_redis

RACES = 3
NAMES = ("closed", "open")
Answers = Counter[tuple[str, int, str | None]]  # by budget, status and reason
FAILURES = "litellm_plugins_stage_failures_total"
pytestmark = pytest.mark.timeout(200)  # the first boots two workers


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """As one should be that money lies on: what it was told outlives it."""
    missing = why_no_redis()
    if missing:
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("ledger_redis")
    with RedisServer(folder, appendonly="yes", appendfsync="always", search=False) as server:
        yield server


@pytest.fixture(scope="module")
def charging() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def proxy(redis: RedisServer, charging: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    budgets = [
        budget("closed", limit_usd=1),
        budget("open", limit_usd=1, on_ledger_failure="allow"),
        *(budget(f"race{number}", limit_usd=ROOM_FOR_TEN_NANO / ONE_USD_NANO) for number in range(RACES)),
    ]
    config = budget_config(charging.url, charging.url, budgets)
    config["callback_settings"]["litellm_plugins"]["storage"] = {"url": redis.url, "timeout_ms": 10_000}
    config["router_settings"]["num_retries"] = 2  # the provider closes a connection that lies idle while it is taken
    folder = tmp_path_factory.mktemp("budgets_on_redis")
    with RunningProxy(config, folder, provider_url=charging.url, num_workers=2) as running:
        yield running


def booked(redis: RedisServer, name: str, requests: int) -> Held:
    return settled(lambda: held_on_redis(redis.url, name), requests)


@pytest.mark.parametrize("number", range(RACES))
def test_of_64_at_once_on_two_workers_exactly_as_many_succeed_as_there_is_room_for(
    proxy: RunningProxy, redis: RedisServer, charging: Provider, number: int
) -> None:
    charging.clear()
    assert race(proxy, f"race{number}") == {200: 10, 429: 54}
    held = booked(redis, f"race{number}", 10)
    assert held.spent == billed(charging) <= ROOM_FOR_TEN_NANO
    assert (held.requests, held.reserved) == (10, 0)


def test_a_server_that_is_killed_under_load_is_refused_or_allowed_and_both_recover(
    proxy: RunningProxy, redis: RedisServer, charging: Provider
) -> None:
    charging.clear()
    over, answers = threading.Event(), Answers()
    loads = [threading.Thread(target=_ask_until, args=(over, proxy, name, answers)) for name in NAMES * 3]
    for load in loads:
        load.start()
    try:
        eventually(lambda: _has(answers, "closed", 200, "within"), what="the load to be served")
        redis.kill()
        eventually(lambda: _has(answers, "closed", 503, "ledger_unavailable"), what="a refusal")
        eventually(lambda: _has(answers, "open", 200, "ledger_unavailable_allowed"), what="what is allowed")
        refused = post(proxy, "chat", "during", "closed")
        failures = proxy.metrics().value(FAILURES, stage="ledger")
    finally:
        redis.start()
    recovered = Counter(answers)
    for name in NAMES:
        served = recovered[name, 200, "within"] + 5
        eventually(functools.partial(_has, answers, name, 200, "within", times=served), what=f"{name} to recover")
    over.set()
    for load in loads:
        load.join()

    assert (refused.status_code, told(refused, "reason"), told(refused, "")) == (503, "ledger_unavailable", "closed")
    assert refused.headers["x-should-retry"] == "false"
    error = refused.json()["error"]
    assert error["type"] == "budget_ledger_unavailable"
    assert "closed" in error["message"]
    assert failures > 0
    # Nobody got anything else, and all that was made is booked: what was allowed, once the server was back.
    assert {(status, reason) for _, status, reason in answers} == {
        (200, "within"),
        (200, "ledger_unavailable_allowed"),
        (503, "ledger_unavailable"),
    }
    assert not _has(answers, "open", 503, "ledger_unavailable")
    made = {name: sum(n for (of, status, _), n in answers.items() if (of, status) == (name, 200)) for name in NAMES}
    held = {name: booked(redis, name, made[name]) for name in NAMES}
    assert {name: each.requests for name, each in held.items()} == made
    assert sum(each.spent for each in held.values()) == billed(charging)


def _has(answers: Answers, name: str, status: int, reason: str, *, times: int = 1) -> bool:
    return answers[name, status, reason] >= times


def _ask_until(over: threading.Event, proxy: RunningProxy, name: str, answers: Answers) -> None:
    """One client that asks without a pause, but for a refusal's."""
    while not over.is_set():
        response = post(proxy, "chat", f"load {time.monotonic_ns()}", name)
        answers[name, response.status_code, told(response, "reason")] += 1
        if not response.is_success:
            time.sleep(0.05)
