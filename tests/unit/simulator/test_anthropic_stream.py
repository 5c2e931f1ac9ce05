"""Streamed messages, as the real Anthropic SDK sees them and as they are on the wire."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx
import orjson
import pytest
from anthropic import AsyncAnthropic
from anthropic.types import Message

from litellm_plugins.simulator import Simulator

MODEL = "claude-sonnet"
TOOLS: list[Any] = [
    {
        "name": name,
        "input_schema": {"type": "object", "properties": {"order": {"type": "integer"}, "why": {"type": "string"}}},
    }
    for name in ("refund", "cancel")
]


def asked(text: str = "How do I get a refund?", **options: Any) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": 1_000, "messages": [{"role": "user", "content": text}], **options}


async def final(client: AsyncAnthropic, body: dict[str, Any]) -> Message:
    async with client.messages.stream(**body) as stream:
        return await stream.get_final_message()


async def events_of(simulator: Simulator, body: dict[str, Any], fault: str = "") -> list[dict[str, Any]]:
    headers = {"anthropic-version": "2023-06-01", "x-simulator-fault": fault}
    async with httpx.AsyncClient(base_url=simulator.url) as http:
        streamed = await http.post("/v1/messages", json={**body, "stream": True}, headers=headers)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    events = []
    for event in streamed.text.split("\n\n")[:-1]:
        name, data = event.split("\n")
        events.append(orjson.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    return events


def order_of(events: list[dict[str, Any]]) -> list[str]:
    """Their types, each row of the same as one."""
    return [kind for kind, _ in itertools.groupby(event["type"] for event in events)]


async def test_a_stream_says_what_the_whole_answer_says(claude: AsyncAnthropic) -> None:
    """The SDK puts it together from the events: content, stop reason and usage."""
    whole = await claude.messages.create(**asked())
    streamed = await final(claude, asked())
    assert [block.to_dict() for block in streamed.content] == [block.to_dict() for block in whole.content]
    for field in ("stop_reason", "stop_sequence", "model", "role"):
        assert getattr(streamed, field) == getattr(whole, field)
    assert streamed.usage.input_tokens == whole.usage.input_tokens
    assert streamed.usage.output_tokens == whole.usage.output_tokens


async def test_tool_calls_are_streamed_in_pieces(claude: AsyncAnthropic, simulator: Simulator) -> None:
    """Joined they are the whole input, for each of two calls."""
    body = asked("refund and cancel order 4711, it broke on Monday", tools=TOOLS)
    whole = await claude.messages.create(**body)
    streamed = await final(claude, body)
    assert [block.type for block in whole.content] == ["tool_use", "tool_use"]
    assert [block.to_dict() for block in streamed.content] == [block.to_dict() for block in whole.content]
    assert streamed.stop_reason == "tool_use"
    assert streamed.usage.output_tokens == whole.usage.output_tokens


async def test_a_text_has_the_providers_order(simulator: Simulator) -> None:
    """Clients without an SDK read it by hand."""
    events = await events_of(simulator, asked())
    assert order_of(events) == [
        "message_start", "content_block_start", "ping", "content_block_delta",
        "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip
    started = events[0]["message"]
    assert (started["content"], started["stop_reason"], started["usage"]["output_tokens"]) == ([], None, 1)
    assert events[1]["content_block"] == {"type": "text", "text": ""}
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert len(deltas) > 10
    assert {delta["type"] for delta in deltas} == {"text_delta"}
    assert events[-2]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert events[-2]["usage"]["output_tokens"] > 30


async def test_tool_calls_have_the_providers_order(simulator: Simulator) -> None:
    """Blocks come one after another, each with its own index."""
    events = await events_of(simulator, asked("refund and cancel order 4711", tools=TOOLS))
    block = ["content_block_delta", "content_block_stop", "content_block_start"]
    assert order_of(events) == [
        "message_start", "content_block_start", "ping", *block, *block[:2], "message_delta", "message_stop",
    ]  # fmt: skip
    starts = [event for event in events if event["type"] == "content_block_start"]
    assert [(start["index"], start["content_block"]["name"]) for start in starts] == [(0, "refund"), (1, "cancel")]
    assert all(start["content_block"]["input"] == {} for start in starts)
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert {delta["type"] for delta in deltas} == {"input_json_delta"}


async def test_an_empty_answer_has_no_block(simulator: Simulator) -> None:
    """A stop text at the very beginning leaves nothing to say."""
    (first, *_), *_ = [
        event["delta"]["text"]
        for event in await events_of(simulator, asked())
        if event["type"] == "content_block_delta"
    ]
    events = await events_of(simulator, asked(stop_sequences=[first]))
    assert order_of(events) == ["message_start", "ping", "message_delta", "message_stop"]
    assert events[-2]["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": first}


async def test_a_dropped_stream_ends_in_an_error_after_some_words(claude: AsyncAnthropic) -> None:
    """Half an answer followed by an error must not be stored or shown as whole."""
    received: list[str] = []
    stream = await claude.messages.create(**asked(), stream=True, extra_headers={"x-simulator-fault": "disconnect"})
    with pytest.raises((httpx.RemoteProtocolError, anthropic.APIConnectionError)):
        await _collect(stream, received)
    assert "content_block_delta" in received
    assert "message_delta" not in received


async def test_a_silent_end_is_no_error_and_no_end(simulator: Simulator, claude: AsyncAnthropic) -> None:
    """Only who looks for the final event can tell that the answer is not whole."""
    stream = await claude.messages.create(**asked(), stream=True, extra_headers={"x-simulator-fault": "silent_end"})
    assert "message_stop" not in [event.type async for event in stream]
    events = await events_of(simulator, asked(), "silent_end")
    assert order_of(events) == ["message_start", "content_block_start", "ping", "content_block_delta"]
    assert [record["outcome"] for record in simulator.requests()] == ["ended_early"] * 2


async def _collect(stream: AsyncIterator[Any], received: list[str]) -> None:
    async for event in stream:
        received.append(event.type)  # noqa: PERF401 - what came before an error is wanted
