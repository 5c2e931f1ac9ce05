"""Early stop with two workers and one Redis: each stream is ended in its own worker, and all are booked together."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.proxy.test_early_stop import LOOP, SEEN_AFTER
from tests.support import KEYS, Provider, RunningProxy, eventually, proxy_config
from tests.support.budgets import held_on_redis, settled
from tests.support.fixtures import new_question
from tests.support.redis_server import RedisServer

STREAMS = 6


@pytest.fixture(scope="module")
def paced() -> Iterator[Provider]:
    with Provider(latency_scale=0.1) as provider:
        yield provider


@pytest.fixture(scope="module")
def two(redis_server: RedisServer, paced: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    pack = {
        "storage": {"url": redis_server.url, "timeout_ms": 10_000},
        "cache": {"semantic": {"enabled": False}},
        "budgets": [{"name": "early-loops", "scope": {"feature": "loops"}, "limit_usd": 100}],
        "early_stop": {"enabled": True},
    }
    config = proxy_config(paced.url, pack=pack)
    with RunningProxy(config, tmp_path_factory.mktemp("two"), provider_url=paced.url, num_workers=2) as proxy:
        yield proxy


def test_loops_on_both_workers_are_ended_and_booked_in_one_ledger(
    two: RunningProxy, paced: Provider, redis_server: RedisServer
) -> None:
    questions = [f"{new_question()} {LOOP}" for _ in range(STREAMS)]

    def ask(question: str) -> str | None:
        answer = two.ask_streamed(KEYS.support, question, extra_body={"metadata": {"feature": "loops"}})
        return answer.chunks[-1].choices[0].finish_reason

    with ThreadPoolExecutor(STREAMS) as pool:
        assert list(pool.map(ask, questions)) == ["length"] * STREAMS

    def records() -> list[dict[str, object]]:
        return [paced.requests_about(question)[-1] for question in questions]

    eventually(lambda: all(each["outcome"] != "open" for each in records()), what="the provider to be left")
    assert {each["outcome"] for each in records()} == {"client_left"}
    assert {each["tokens_sent"] for each in records()} == {SEEN_AFTER}
    held = settled(lambda: held_on_redis(redis_server.url, "early-loops"), STREAMS)
    assert held.tokens == sum(int(str(each["tokens_sent"])) + int(str(each["prompt_tokens"])) for each in records())
    assert not held.reserved
    # The next one asks the provider anew, whichever worker has it: nothing of a stopped answer is kept.
    assert ask(questions[0]) == "length"
    assert paced.times_asked(questions[0]) == 2
