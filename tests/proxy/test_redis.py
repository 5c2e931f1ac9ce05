"""A proxy whose answers lie in Redis: both layers hit, and a server that is killed costs misses, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import Keys, Provider, Route, RunningProxy, eventually, proxy_config
from tests.support.fixtures import new_question
from tests.support.redis_server import RedisServer, why_no_redis

FAILURES = "litellm_plugins_stage_failures_total"
PASSWORD = "hunter2-of-the-tests"


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    missing = why_no_redis()
    if missing:
        pytest.skip(missing)
    with RedisServer(tmp_path_factory.mktemp("redis"), password=PASSWORD) as server:
        yield server


@pytest.fixture(scope="module")
def proxy(redis: RedisServer, provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """The URL comes from the environment, as a password should."""
    config = proxy_config(provider.url, pack={"storage": {"url": "os.environ/OUR_STORE"}})
    folder = tmp_path_factory.mktemp("on_redis")
    with RunningProxy(config, folder, provider_url=provider.url, env={"OUR_STORE": redis.url}) as running:
        yield running


@pytest.mark.parametrize("route", ["v1", "host"])
def test_answers_are_served_from_redis_to_the_same_and_to_similar_questions(
    proxy: RunningProxy, redis: RedisServer, provider: Provider, keys: Keys, route: Route
) -> None:
    asked = "How do I block a lost card?"
    redis.call("FLUSHALL")
    first = proxy.ask(keys.support, asked, route=route)
    eventually(lambda: len(redis.call("KEYS", "*:entry:*")) == 1, what="the answer to be stored")
    same = proxy.ask(keys.support, asked, route=route)
    similar = proxy.ask(keys.support, "How can I block a lost card?", route=route)
    streamed = proxy.ask_streamed(keys.support, "How can I block a lost card?", route=route)
    assert (same.cache, similar.cache, streamed.cache) == ("exact", "semantic", "semantic")
    assert first.text == same.text == similar.text == streamed.text
    assert proxy.ask(keys.sales, asked, route=route).cache == "miss"
    assert not proxy.database.exists()


def test_the_cache_on_redis_is_administered_like_any_other(
    proxy: RunningProxy, redis: RedisServer, keys: Keys, question: str
) -> None:
    redis.call("FLUSHALL")
    tags = {"metadata": {"litellm_plugins": {"tags": ["order:42"]}}}
    proxy.ask(keys.support, question, extra_body=tags)
    eventually(lambda: redis.call("DBSIZE") > 0, what="the answer to be stored")
    curated = {"question": "Who runs this place?", "answer": "We all do.", "team": "support"}
    assert administer(proxy, "POST", "/curate", curated)
    # Within two seconds every worker knows that the team has curated answers.
    asked = "WHO runs this place?"
    eventually(lambda: proxy.ask(keys.support, asked).text == "We all do.", what="it to be served", every_s=0.2)

    told = administer(proxy, "GET", "/stats")
    assert told["pinned"] == 1
    assert told["by"]["tenant"] == {"team:support": told["entries"]}
    assert administer(proxy, "POST", "/invalidate", {"tag": "order:42"})["removed"] == 1
    assert proxy.ask(keys.support, question, extra_body=tags).cache == "miss"
    actions = [record["action"] for record in administer(proxy, "GET", "/audit")["records"]]
    assert actions == ["invalidate", "curate"]


def administer(proxy: RunningProxy, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    response = proxy.http(method, f"/plugins/cache{path}", proxy.master_key, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def test_a_killed_redis_costs_hits_and_nothing_else_and_when_it_is_back_so_are_they(
    proxy: RunningProxy, redis: RedisServer, keys: Keys
) -> None:
    question = new_question()
    proxy.ask(keys.support, question)
    eventually(lambda: proxy.ask(keys.support, question).cache == "exact", what="a hit")

    redis.kill()
    for route in ("v1", "host"):
        assert proxy.ask(keys.support, question, route=route).cache == "miss"
        assert proxy.ask_streamed(keys.support, new_question(), route=route).text
    failures = eventually(lambda: proxy.metrics().value(FAILURES, stage="store"), what="the failures to be told")
    assert failures == proxy.metrics().value(FAILURES, stage="store", reason="store_unreachable")
    assert '"store_unreachable' in proxy.log()

    redis.start()
    eventually(lambda: proxy.ask(keys.support, question).cache == "exact", what="hits again", every_s=0.2)
    proxy.ask(keys.support, "What does a transfer abroad cost?")
    similar = "What does a transfer to abroad cost?"
    eventually(lambda: proxy.ask(keys.support, similar).cache == "semantic", what="similar hits again", every_s=0.2)


def test_the_password_is_nowhere_in_the_log(proxy: RunningProxy) -> None:
    """After all of the above."""
    assert PASSWORD not in proxy.log()
