"""Messages, responses, completions and embeddings behave as without the pack, but for headers and for hits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import RunningProxy, eventually
from tests.support.fixtures import CLAUDE, LEGACY_MODEL

JSON = {"content-type": "application/json"}
SAID = [{"role": "user", "content": "QUESTION"}]
BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "messages": ("/v1/messages", {"model": "gpt-4.1", "max_tokens": 300, "messages": SAID}),
    "responses": ("/v1/responses", {"model": "gpt-4.1", "input": "QUESTION", "metadata": {"a": "b"}, "user": "ann"}),
    "completions": ("/v1/completions", {"model": "gpt-4.1", "prompt": "QUESTION"}),
    "embeddings": ("/v1/embeddings", {"model": "text-embedding-3-small", "input": "QUESTION"}),
    "Anthropic's messages": ("/v1/messages", {"model": CLAUDE, "max_tokens": 300, "messages": SAID}),
    "Anthropic's responses": ("/v1/responses", {"model": CLAUDE, "input": "QUESTION"}),
    "legacy completions": ("/v1/completions", {"model": LEGACY_MODEL, "prompt": "QUESTION"}),
}
STREAMED = [name for name in BODIES if name != "embeddings"]


def ask(proxy: RunningProxy, name: str, question: str, **more: Any) -> Any:
    path, body = BODIES[name]
    content = json.dumps({**body, **more}).replace("QUESTION", question)
    return proxy.http("POST", path, proxy.master_key, content=content, headers=JSON)


def taught(proxy: RunningProxy, name: str, question: str, **more: Any) -> tuple[Any, Any]:
    """The fresh answer, and then a hit."""
    fresh = ask(proxy, name, question, **more)
    hits: list[Any] = []

    def is_hit() -> bool:
        hits.append(ask(proxy, name, question, **more))
        return bool(hits[-1].headers["x-litellm-plugins-cache"] == "exact")

    eventually(is_hit, what="a hit")
    return fresh, hits[-1]


@pytest.mark.parametrize("name", BODIES)
def test_fresh_and_cached_answers_have_the_shape_and_headers_of_stock_s(
    proxy: RunningProxy, bare_proxy: RunningProxy, question: str, name: str
) -> None:
    stock = ask(bare_proxy, name, question)
    fresh, hit = taught(proxy, name, question)

    for ours in (fresh, hit):
        assert _shape(ours.json()) == _shape(stock.json())
        assert ours.headers["content-type"] == stock.headers["content-type"]
    told = {each for each in stock.headers if not each.startswith("x-litellm-timing")}
    assert told <= set(fresh.headers)
    assert {each for each in set(fresh.headers) - set(stock.headers) if "plugins" not in each} == set()
    assert hit.headers["x-litellm-call-id"]


@pytest.mark.parametrize("name", STREAMED)
def test_fresh_and_cached_streams_tell_what_stock_s_tells(
    proxy: RunningProxy, bare_proxy: RunningProxy, question: str, name: str
) -> None:
    """Event by event for a fresh one; a cached one has the same kinds of events in the same order."""
    stock = _events(ask(bare_proxy, name, question, stream=True).text)
    fresh, hit = taught(proxy, name, question, stream=True)

    assert [_shape(each) for each in _events(fresh.text)] == [_shape(each) for each in stock]
    assert _kinds(_events(hit.text)) == _kinds(stock)
    assert fresh.text.endswith("data: [DONE]\n\n") == hit.text.endswith("data: [DONE]\n\n")
    assert fresh.headers["content-type"] == hit.headers["content-type"]
    if name in {"messages", "Anthropic's messages"}:
        ends = [next(e for e in _events(each.text) if e["type"] == "message_delta") for each in (fresh, hit)]
        assert ends[0]["usage"]["output_tokens"] == ends[1]["usage"]["output_tokens"]


ODD: dict[str, dict[str, Any]] = {
    "no model": {"model": None},
    "an unknown model": {"model": "gone"},
    "a model that is no word": {"model": 5},
    "nothing asked": {"messages": None, "input": None, "prompt": None},
    "nonsense asked": {"messages": "x", "input": 5, "prompt": {"a": 1}},
    "a null for metadata": {"metadata": None},
    "stream is no truth value": {"stream": "yes"},
    "a temperature of nonsense": {"temperature": "hot"},
    "the provider fails": {
        "messages": [{"role": "user", "content": "hello simulator:error:500"}],
        "input": "hello simulator:error:500",
        "prompt": "hello simulator:error:500",
    },
    "the provider is busy": {
        "messages": [{"role": "user", "content": "hello simulator:error:429"}],
        "input": "hello simulator:error:429",
        "prompt": "hello simulator:error:429",
        "stream": True,
    },
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("what", ODD)
def test_an_odd_request_fares_as_with_stock(
    proxy: RunningProxy, bare_proxy: RunningProxy, what: str, name: str
) -> None:
    stock, *ours = [ask(each, name, "hello", **ODD[what]) for each in (bare_proxy, proxy, proxy)]

    assert [answer.status_code for answer in ours] == [stock.status_code] * 2
    if stock.status_code >= 400:
        assert [answer.text[:100] for answer in ours] == [stock.text[:100]] * 2


def _events(text: str) -> list[Any]:
    lines = (line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: "))
    return [json.loads(line) for line in lines if line != "[DONE]"]


def _kinds(events: list[Any]) -> list[Any]:
    """Runs of one kind are one: how a text is cut is nobody's promise. A ping says nothing."""
    kinds = [event.get("type") or sorted(event["choices"][0]) for event in events if event.get("type") != "ping"]
    return [kind for index, kind in enumerate(kinds) if index == 0 or kind != kinds[index - 1]]


def _shape(value: object) -> object:
    if isinstance(value, dict):
        return {name: _shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_shape(each) for each in value[:1]]
    return "number" if isinstance(value, int | float) else type(value).__name__
