"""`POST /plugins/feedback`: whose it may be, on what, and the score that Langfuse gets of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx  # noqa: TC002 - in annotations
import pytest

from tests.support import Keys, Provider, RunningProxy, eventually, proxy_config
from tests.support.fixtures import new_question
from tests.support.langfuse import LangfuseRecorder

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def recorder() -> Iterator[LangfuseRecorder]:
    with LangfuseRecorder() as recorder:
        yield recorder


@pytest.fixture(scope="module")
def traced(
    provider: Provider, recorder: LangfuseRecorder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    callbacks = {"callbacks": ["langfuse_otel", "litellm_plugins.proxy.handler"]}
    config = proxy_config(provider.url, litellm_settings=callbacks)
    folder = tmp_path_factory.mktemp("feedback")
    with RunningProxy(config, folder, provider_url=provider.url, env=recorder.env()) as proxy:
        yield proxy


@pytest.mark.parametrize("said", ["my-trace", ""])
def test_feedback_is_a_score_on_the_trace_however_it_is_named(
    traced: RunningProxy, recorder: LangfuseRecorder, keys: Keys, said: str
) -> None:
    said = f"{said}-{uuid.uuid4()}" if said else ""
    call_id = _answered(traced, keys.support, trace_id=said)
    names = [{"call_id": call_id}, {"trace_id": call_id}, *([{"trace_id": said}] if said else [])]
    for name in names:
        told = _say(traced, keys.support, verdict="down", comment="Not what I asked.", **name)
        assert told.status_code == 200, told.text
    trace_id = told.json()["trace_id"]
    scores = eventually(lambda: recorder.scores(trace_id), what="the score")

    assert recorder.trace(trace_id) or eventually(lambda: recorder.trace(trace_id), what="the trace")
    assert [told.json()["replaced"], told.json()["langfuse"]] == [True, "queued"]
    [score] = scores.values()
    assert (score["name"], score["value"], score["comment"]) == ("user_feedback", 0.0, "Not what I asked.")
    assert score["id"] == told.json()["id"]


def test_the_last_word_counts(traced: RunningProxy, recorder: LangfuseRecorder, keys: Keys) -> None:
    call_id = _answered(traced, keys.support)
    first = _say(traced, keys.support, verdict="down", call_id=call_id).json()
    again = _say(traced, keys.support, score=0.75, call_id=call_id).json()
    other = _say(traced, keys.support_colleague, verdict="up", call_id=call_id).json()

    assert (first["id"], first["replaced"]) == (again["id"], False)
    assert again["replaced"]
    assert other["id"] != first["id"]

    def values() -> set[float]:
        return {score["value"] for score in recorder.scores(first["trace_id"]).values()}

    eventually(lambda: values() == {0.75, 1.0}, what="the scores of two keys")


def test_a_cached_answer_can_be_spoken_of_by_its_id(
    traced: RunningProxy, recorder: LangfuseRecorder, keys: Keys
) -> None:
    _, cache_id = _served_twice(traced, keys.support)
    told = _say(traced, keys.support, verdict="down", cache_id=cache_id)

    assert told.json()["cache_id"] == cache_id
    [score] = eventually(lambda: recorder.scores(told.json()["trace_id"]), what="the score").values()
    assert score["metadata"]["cache_id"] == cache_id
    trace_id = told.json()["trace_id"]
    eventually(lambda: _tags(recorder, trace_id), what="the trace of the hit")
    assert "cache:exact" in _tags(recorder, trace_id)


def test_another_team_may_not_and_an_admin_may(traced: RunningProxy, keys: Keys) -> None:
    call_id, cache_id = _served_twice(traced, keys.support)
    for name in ({"call_id": call_id}, {"trace_id": call_id}, {"cache_id": cache_id}):
        for stranger in (keys.sales, keys.freelancer):
            refused = _say(traced, stranger, verdict="up", **name)
            assert refused.status_code == 403
            assert "another team" in refused.json()["error"]["message"]
        assert _say(traced, traced.master_key, verdict="up", **name).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"trace_id": "never-given", "verdict": "up"}, 404),
        ({"verdict": "up"}, 400),
        ({"trace_id": "a", "call_id": "b", "verdict": "up"}, 400),
        ({"trace_id": "a", "verdict": "sideways"}, 400),
        ({"trace_id": "a", "score": 1.5}, 400),
        ({"trace_id": "a", "verdict": "up", "comment": "x" * 2_001}, 400),
        ({"trace_id": "a", "verdict": "up", "rating": 5}, 400),
    ],
)
def test_nonsense_is_refused_in_openai_s_shape(
    traced: RunningProxy, keys: Keys, body: dict[str, Any], status: int
) -> None:
    refused = traced.http("POST", "/plugins/feedback", keys.support, json=body)
    assert refused.status_code == status
    assert refused.json()["error"].keys() >= {"message", "type", "code"}
    assert traced.http("POST", "/plugins/feedback", "sk-wrong", json=body).status_code == 401


def test_a_score_waits_until_langfuse_is_back_and_no_comment_is_logged(
    traced: RunningProxy, recorder: LangfuseRecorder, keys: Keys
) -> None:
    call_id = _answered(traced, keys.support)
    recorder.go_down(2)
    told = _say(traced, keys.support, verdict="up", call_id=call_id, comment="private-words-of-mine").json()
    eventually(lambda: recorder.scores(told["trace_id"]), what="the score, after some tries")

    assert "private-words-of-mine" not in traced.log_tail(100_000)


def _answered(proxy: RunningProxy, key: str, trace_id: str = "") -> str:
    body: dict[str, Any] = {"model": "gpt-4.1", "messages": [{"role": "user", "content": new_question()}]}
    if trace_id:
        body["metadata"] = {"trace_id": trace_id}
    answer = proxy.http("POST", CHAT, key, json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.headers["x-litellm-call-id"])


def _served_twice(proxy: RunningProxy, key: str) -> tuple[str, str]:
    """A call, and the cached entry of which a later one was served."""
    question = new_question()
    first = proxy.ask(key, question)

    def hit() -> str | None:
        answer = proxy.ask(key, question)
        return answer.headers["x-litellm-plugins-cache-id"] if answer.cache == "exact" else None

    return str(first.headers["x-litellm-call-id"]), str(eventually(hit, what="a hit", timeout_s=60))


def _tags(recorder: LangfuseRecorder, trace_id: str) -> set[str]:
    return {tag for span in recorder.trace(trace_id) for tag in span.tags}


def _say(proxy: RunningProxy, key: str, **body: Any) -> httpx.Response:
    return proxy.http("POST", "/plugins/feedback", key, json=body)
