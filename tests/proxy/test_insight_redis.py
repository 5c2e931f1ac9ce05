"""Two workers on one Redis: what is strange is found and told once, and feedback is one voice whoever hears it."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from litellm_plugins.cache.admin.events import SIGNATURE_HEADER, verify
from litellm_plugins.insight.backends.redis import RedisUsage
from litellm_plugins.insight.store import Batch
from litellm_plugins.insight.usage import DIMENSIONS, Sums, Words, hour_of
from litellm_plugins.review.backends.redis import RedisFeedback
from litellm_plugins.review.feedback import Feedback
from litellm_plugins.storage.redis import RedisServer as Connections
from tests.support import Keys, Provider, RunningProxy, eventually, model, proxy_config
from tests.support.fixtures import new_question
from tests.support.langfuse import LangfuseRecorder
from tests.support.receiver import Receiver
from tests.support.redis_server import RedisServer, why_no_redis
from tests.support.workers import ask_each_worker, in_turn, on_each_worker

pytestmark = pytest.mark.timeout(240)
SECRET = "whsec-test-" + "3" * 32
PREFIX = "told"
DEAR_USD = "0.002"  # an answer of gpt-4.1 of a thousand tokens is dearer, one of gpt-4.1-mini is not
KINDS = ("cost_per_request", "dear_request", "retry_storm")
DAYS = 15
LOOKS_S = 5.0  # in which two workers look at least three times
VOICES = 6
FEEDBACK = "/plugins/feedback"


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    missing = why_no_redis()
    if missing:
        pytest.skip(missing)
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()


@pytest.fixture(scope="module")
def recorder() -> Iterator[LangfuseRecorder]:
    with LangfuseRecorder() as recorder:
        yield recorder


@pytest.fixture(scope="module")
def proxy(
    redis: RedisServer,
    receiver: Receiver,
    recorder: LangfuseRecorder,
    provider: Provider,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningProxy]:
    """The store has two weeks of an agent whose cost has doubled three hours ago."""
    asyncio.run(_add_history(redis.url))
    pack = {
        "storage": {"url": redis.url, "key_prefix": PREFIX, "timeout_ms": 10_000},
        "cache": {"semantic": {"enabled": False}},
        "insight": {
            "flush_s": 0.2,
            "trace_url": "https://langfuse.example.com/trace/{trace_id}",
            "anomalies": {"look_every_s": 1, "dear_request_usd": DEAR_USD, "retries": 5},
        },
        "alerts": {"webhooks": [{"url_env": "TEST_HOOK", "secret_env": "TEST_HOOK_SECRET"}], "every_s": 0.5},
    }
    config = proxy_config(
        provider.url,
        pack=pack,
        more_models=[model("broken", provider.url, "gpt-4.1", extra_headers={"x-simulator-fault": "error:500"})],
        litellm_settings={"callbacks": ["prometheus", "langfuse_otel", "litellm_plugins.proxy.handler"]},
    )
    env = {"TEST_HOOK": receiver.url, "TEST_HOOK_SECRET": SECRET, **recorder.env()}
    folder = tmp_path_factory.mktemp("told_on_redis")
    with RunningProxy(config, folder, provider_url=provider.url, num_workers=2, env=env) as running:
        yield running


async def _add_history(url: str) -> None:
    """The same in each hour, so that nothing else is strange."""
    now_ms = time.time_ns() // 1_000_000
    hour = hour_of(now_ms)
    sums = {(at, _of("small")): _of_requests(60, 2_000_000) for at in range(hour - 24 * DAYS, hour - 3)}
    sums |= {(at, _of("large")): _of_requests(60, 4_000_000) for at in range(hour - 3, hour)}
    connections = Connections(url, timeout_s=30, max_connections=4)
    usage = RedisUsage(connections, PREFIX, keep_hours=24 * 35)
    await usage.add(Batch(uuid.uuid4().hex, sums), now_ms=now_ms)
    await usage.aclose()


def _of(model_: str) -> Words:
    told = {
        "endpoint": "chat", "feature": "agent", "team": "support", "key": "ci", "model_group": "agent-model",
        "model": model_, "deployment": model_, "provider": "openai", "layer": "miss", "ending": "success",
    }  # fmt: skip
    return tuple(told.get(name, "") for name in DIMENSIONS)


def _of_requests(count: int, nano_usd: int) -> Sums:
    return Sums(count, 1_000 * count, 0, 100 * count, nano_usd * count, took_ms=500 * count, attempts=count)


@pytest.fixture(scope="module")
def told(proxy: RunningProxy, receiver: Receiver, keys: Keys) -> list[dict[str, Any]]:
    """What the webhook got, after both workers have looked some times more than it took."""
    proxy.ask(keys.sales, new_question(), model="gpt-4.1-mini")
    proxy.ask(keys.sales, f"{new_question()} {'Tell me of all its clauses. ' * 300}", model="gpt-4.1")
    body = {"model": "broken", "messages": [{"role": "user", "content": "Is anybody there?"}]}
    for _ in range(12):
        assert proxy.http("POST", "/v1/chat/completions", keys.freelancer, json=body).status_code == 500

    def kinds() -> set[str]:
        return {str(each["type"]).removeprefix("anomaly.") for _, each, _ in receiver.got}

    try:
        eventually(lambda: set(KINDS) <= kinds(), what="the anomalies", timeout_s=40, every_s=0.2)
    except AssertionError:
        raise AssertionError(f"only {kinds()}\n{proxy.log_tail(30)}") from None
    time.sleep(LOOKS_S)
    return [each for _, each, _ in receiver.got]


def _one(told: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    [found] = [each for each in told if each["type"] == f"anomaly.{kind}"]
    return found


def test_each_anomaly_is_told_once_over_both_workers_in_every_sink(
    told: list[dict[str, Any]], proxy: RunningProxy
) -> None:
    assert Counter(each["type"] for each in told) == {f"anomaly.{kind}": 1 for kind in KINDS}
    lines = [json.loads(line[line.index("{") :]) for line in proxy.log().splitlines() if '"anomaly_found"' in line]
    assert sorted(line["type"] for line in lines) == sorted(f"anomaly.{kind}" for kind in KINDS)
    metrics = proxy.metrics()
    assert {kind: metrics.value("litellm_plugins_anomalies_total", kind=kind) for kind in KINDS} == dict.fromkeys(
        KINDS, 1
    )


def test_a_dearer_hour_is_explained_with_what_changed(told: list[dict[str, Any]]) -> None:
    found = _one(told, "cost_per_request")
    assert (found["feature"], found["usual"], found["value"]) == ("agent", 0.002, 0.004)
    assert found["moved"][0]["model"] == "large"
    assert "model large" in found["text"]


def test_a_dear_request_comes_with_a_link_to_its_trace(told: list[dict[str, Any]], recorder: LangfuseRecorder) -> None:
    found = _one(told, "dear_request")
    [trace] = found["traces"]
    assert found["value"] == pytest.approx(trace["usd"])
    assert trace["usd"] > float(DEAR_USD)
    assert trace["url"] == f"https://langfuse.example.com/trace/{trace['trace_id']}"
    eventually(lambda: recorder.trace(trace["call_id"].replace("-", "")), what="the trace of the call")


def test_a_storm_names_its_caller(told: list[dict[str, Any]]) -> None:
    found = _one(told, "retry_storm")
    assert found["cause"] == "failures"
    assert "freelancer" in json.dumps(found)


def test_the_webhook_is_signed(told: list[dict[str, Any]], receiver: Receiver) -> None:
    assert told
    for (_, _, headers), body in zip(receiver.got, receiver.bodies, strict=True):
        received = httpx.Headers(headers)
        signed_at = int(received[SIGNATURE_HEADER].partition(",")[0].removeprefix("t="))
        verify(SECRET, body, received[SIGNATURE_HEADER], now=signed_at, tolerance_s=1)


def test_feedback_is_one_voice_whichever_worker_hears_it(
    proxy: RunningProxy, redis: RedisServer, recorder: LangfuseRecorder, keys: Keys
) -> None:
    call_id = _answered(proxy, keys.support)
    with on_each_worker(proxy, clients=VOICES // 2) as found:
        headers = {"authorization": f"Bearer {keys.support}"}
        said = [{"call_id": call_id, "score": n / VOICES, "comment": f"no. {n}"} for n in range(VOICES)]
        replies = [
            client.post(FEEDBACK, headers=headers, json=body) for client, body in zip(in_turn(found), said, strict=True)
        ]
    assert [reply.status_code for reply in replies] == [200] * VOICES
    bodies = [reply.json() for reply in replies]
    assert [body["replaced"] for body in bodies] == [False] + [True] * (VOICES - 1)
    assert len({body["id"] for body in bodies}) == 1
    trace_id = call_id.replace("-", "")
    assert {body["trace_id"] for body in bodies} == {trace_id}

    [kept] = [each for each in _kept(redis.url) if each.trace_id == trace_id]
    assert (kept.value, kept.comment) == ((VOICES - 1) / VOICES, f"no. {VOICES - 1}")
    eventually(lambda: recorder.scores(trace_id), what="the score")
    assert set(recorder.scores(trace_id)) == {kept.id}
    eventually(lambda: recorder.trace(trace_id), what="the trace that it is a score of")


def test_both_workers_refuse_another_team_and_know_what_was_never_given(
    proxy: RunningProxy, redis: RedisServer, keys: Keys
) -> None:
    call_id = _answered(proxy, keys.support)
    up, down = ({"call_id": call_id, "verdict": verdict} for verdict in ("up", "down"))
    assert proxy.http("POST", FEEDBACK, keys.support_colleague, json=up).status_code == 200
    for stranger in (keys.sales, keys.freelancer):
        refused = ask_each_worker(proxy, "POST", FEEDBACK, stranger, json=down)
        assert [each.status_code for each in refused] == [403, 403]
    never_given = {"call_id": str(uuid.uuid4()), "verdict": "up"}
    unknown = ask_each_worker(proxy, "POST", FEEDBACK, keys.support, json=never_given)
    assert [each.status_code for each in unknown] == [404, 404]
    assert [each.value for each in _kept(redis.url) if each.trace_id == call_id.replace("-", "")] == [1.0]


def _answered(proxy: RunningProxy, key: str) -> str:
    return str(proxy.ask(key, new_question()).headers["x-litellm-call-id"])


def _kept(url: str) -> list[Feedback]:
    async def latest() -> list[Feedback]:
        connections = Connections(url, timeout_s=30, max_connections=4)
        try:
            return await RedisFeedback(connections, PREFIX, keep_s=3_600, max_served=1_000).latest(1_000)
        finally:
            await connections.aclose()

    return asyncio.run(latest())
