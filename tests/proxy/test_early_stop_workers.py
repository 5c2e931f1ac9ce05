"""Early stop with two workers and one Redis: each stream is ended in its own worker, and all are booked together."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import openai
import pytest

from tests.proxy.test_early_stop import LOOP, SEEN_AFTER
from tests.support import KEYS, Provider, RunningProxy, eventually, proxy_config
from tests.support.budgets import held_on_redis, settled
from tests.support.fixtures import new_question
from tests.support.redis_server import RedisServer
from tests.support.workers import in_turn, on_each_worker

if TYPE_CHECKING:
    import httpx

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

    def ask(question: str, client: httpx.Client) -> str | None:
        sdk = openai.OpenAI(base_url=f"{two.url}/v1", api_key=KEYS.support, max_retries=0, http_client=client)
        stream = sdk.chat.completions.create(
            model="gpt-4.1",
            messages=[{"role": "user", "content": question}],
            stream=True,
            extra_body={"metadata": {"feature": "loops"}},
        )
        return list(stream)[-1].choices[0].finish_reason

    with on_each_worker(two, clients=STREAMS // 2) as found, ThreadPoolExecutor(STREAMS) as pool:
        assert list(pool.map(ask, questions, in_turn(found))) == ["length"] * STREAMS

    def records() -> list[dict[str, object]]:
        return [paced.requests_about(question)[-1] for question in questions]

    eventually(lambda: all(each["outcome"] != "open" for each in records()), what="the provider to be left")
    assert {each["outcome"] for each in records()} == {"client_left"}
    assert {each["tokens_sent"] for each in records()} == {SEEN_AFTER}
    held = settled(lambda: held_on_redis(redis_server.url, "early-loops"), STREAMS)
    assert held.tokens == sum(int(str(each["tokens_sent"])) + int(str(each["prompt_tokens"])) for each in records())
    assert not held.reserved
    # Who asks again asks the provider anew, on either worker: nothing of a stopped answer is kept.
    with on_each_worker(two) as found:
        assert [ask(questions[0], client) for client in in_turn(found)] == ["length"] * 2
    assert paced.times_asked(questions[0]) == 3
