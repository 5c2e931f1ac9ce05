"""Beside a stock proxy: without its block the pack does nothing, and with it nothing but what it says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import Provider, Route, RunningProxy

ODD_BODIES: dict[str, dict[str, Any]] = {
    "no messages": {"model": "gpt-4.1"},
    "empty messages": {"model": "gpt-4.1", "messages": []},
    "messages of another type": {"model": "gpt-4.1", "messages": "hello"},
    "a message that is a string": {"model": "gpt-4.1", "messages": ["hello"]},
    "a message without a role": {"model": "gpt-4.1", "messages": [{"content": "hello"}]},
    "a message without content": {"model": "gpt-4.1", "messages": [{"role": "user"}]},
    "content that is a number": {"model": "gpt-4.1", "messages": [{"role": "user", "content": 7}]},
    "a part of an odd type": {"model": "gpt-4.1", "messages": [{"role": "user", "content": [{"type": ["text"]}]}]},
    "an unknown model": {"model": "gpt-17", "messages": [{"role": "user", "content": "hello"}]},
    "no model": {"messages": [{"role": "user", "content": "hello"}]},
    "a model of another type": {"model": 7, "messages": [{"role": "user", "content": "hello"}]},
    "metadata of another type": {
        "model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}], "metadata": "hello",
    },
    "a big number": {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}], "seed": 2**70},
    "half a surrogate pair": {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello \ud800"}]},
    "tools of another type": {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}], "tools": 7},
    "an unknown field": {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}], "colour": "red"},
    "a stream that is a word": {
        "model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}], "stream": "yes",
    },
    "a stream_options that is a word": {
        "model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}], "stream_options": "yes",
    },
}  # fmt: skip
JSON = {"content-type": "application/json"}
PATHS = ("/v1/chat/completions", "/openai/deployments/gpt-4.1/chat/completions")
MENDED = ("tools of another type", PATHS[0])  # the host's auth breaks over it: see test_admission.py


@pytest.mark.parametrize("route", ["v1", "host"])
def test_without_the_block_the_host_is_as_it_comes(
    bare_proxy: RunningProxy, provider: Provider, question: str, route: Route
) -> None:
    for _ in range(2):
        answer = bare_proxy.ask(bare_proxy.master_key, question, route=route)
        assert answer.text
        assert not [name for name in answer.headers if name.startswith("x-litellm-plugins")]
    assert provider.times_asked(question) == 2
    assert not bare_proxy.database.parent.exists()
    assert "litellm_plugins_" not in str(bare_proxy.metrics().samples)
    assert "cache_decision" not in bare_proxy.log()


@pytest.mark.parametrize("route", ["v1", "bare", "host"])
def test_a_fresh_answer_looks_like_stock_s(
    proxy: RunningProxy, bare_proxy: RunningProxy, question: str, route: Route
) -> None:
    """Also in what is there: the pack adds headers of its own and changes nothing else."""
    stock = bare_proxy.ask(bare_proxy.master_key, question, route=route)
    ours = proxy.ask(proxy.master_key, question, route=route)

    assert _shape(ours.wire) == _shape(stock.wire)
    assert ours.text == stock.text
    told_by_both = {name for name in stock.headers if not name.startswith("x-litellm-timing")}
    assert told_by_both <= set(ours.headers)
    assert {name for name in set(ours.headers) - set(stock.headers) if "plugins" not in name} == set()


@pytest.mark.parametrize("route", ["v1", "bare", "host"])
@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": True}}], ids=["plain", "with usage"])
def test_a_fresh_stream_looks_like_stock_s(
    proxy: RunningProxy, bare_proxy: RunningProxy, question: str, route: Route, options: dict[str, Any]
) -> None:
    stock = bare_proxy.ask_streamed(bare_proxy.master_key, question, route=route, **options)
    ours = proxy.ask_streamed(proxy.master_key, question, route=route, **options)

    assert ours.text == stock.text
    assert ours.finish_reason == stock.finish_reason
    assert [_shape(chunk.to_dict()) for chunk in ours.chunks] == [_shape(chunk.to_dict()) for chunk in stock.chunks]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("what", ODD_BODIES)
def test_an_odd_request_fares_as_with_stock(
    proxy: RunningProxy, bare_proxy: RunningProxy, what: str, path: str
) -> None:
    """Twice: what was odd and answered must not fare otherwise the second time."""
    stock, *ours = [
        each.http("POST", path, each.master_key, content=json.dumps(ODD_BODIES[what]), headers=JSON)
        for each in (bare_proxy, proxy, proxy)
    ]

    if (what, path) == MENDED:
        assert (stock.status_code, [answer.status_code for answer in ours]) == (500, [400, 400])
        assert {answer.json()["error"]["type"] for answer in ours} == {"invalid_request_error"}
        return
    assert [answer.status_code for answer in ours] == [stock.status_code] * 2
    if stock.status_code >= 400:
        assert [_error(answer.text) for answer in ours] == [_error(stock.text)] * 2


def _error(text: str) -> str:
    """Without what differs from proxy to proxy."""
    return text[:60]


def _shape(value: object) -> object:
    """The names and kinds of what is there, without the values."""
    if isinstance(value, dict):
        return {name: _shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_shape(each) for each in value]
    return type(value).__name__
