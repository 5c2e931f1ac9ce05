"""Streamed responses, as the real OpenAI SDK sees them and as they are on the wire."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import orjson
import pytest
from openai import AsyncOpenAI
from openai.types.responses import Response

from litellm_plugins.simulator import Simulator

TOOLS: list[Any] = [
    {
        "type": "function",
        "name": name,
        "parameters": {"type": "object", "properties": {"order": {"type": "integer"}, "why": {"type": "string"}}},
    }
    for name in ("refund", "cancel")
]
MESSAGE = [
    "response.output_item.added", "response.content_part.added", "response.output_text.delta",
    "response.output_text.done", "response.content_part.done", "response.output_item.done",
]  # fmt: skip
CALL = [
    "response.output_item.added", "response.function_call_arguments.delta",
    "response.function_call_arguments.done", "response.output_item.done",
]  # fmt: skip
BEGIN = ["response.created", "response.in_progress"]


def asked(text: str = "How do I get a refund?", **options: Any) -> dict[str, Any]:
    return {"model": "gpt-4.1", "input": text, **options}


async def events_of(simulator: Simulator, body: dict[str, Any], fault: str = "") -> list[dict[str, Any]]:
    headers = {"x-simulator-fault": fault}
    async with httpx.AsyncClient(base_url=simulator.url) as http:
        streamed = await http.post("/v1/responses", json={**body, "stream": True}, headers=headers)
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


def said_in(response: Any) -> list[Any]:
    """What a response says, without the ids, which are new for each."""
    return [{key: value for key, value in item.items() if key != "id"} for item in response["output"]]


async def final(client: AsyncOpenAI, body: dict[str, Any]) -> Response:
    async with client.responses.stream(**body) as stream:
        response: Response = await stream.get_final_response()
    return response


async def test_a_stream_says_what_the_whole_answer_says(client: AsyncOpenAI) -> None:
    """The SDK puts it together from the events."""
    whole = await client.responses.create(**asked())
    streamed = await final(client, asked())
    assert streamed.output_text == whole.output_text
    assert streamed.usage == whole.usage
    assert streamed.status == "completed"


async def test_tool_calls_are_streamed_in_pieces(client: AsyncOpenAI, simulator: Simulator) -> None:
    """Two calls, one after the other, each with its own index."""
    body = asked("refund and cancel order 4711, it broke on Monday", tools=TOOLS)
    whole = await client.responses.create(**body)
    streamed = await final(client, body)
    assert [item.type for item in whole.output] == ["function_call"] * 2
    assert [item.arguments for item in streamed.output if item.type == "function_call"] == [
        item.arguments for item in whole.output if item.type == "function_call"
    ]
    events = await events_of(simulator, body)
    assert order_of(events) == [*BEGIN, *CALL, *CALL, "response.completed"]
    assert {event["output_index"] for event in events if "output_index" in event} == {0, 1}
    assert said_in(events[-1]["response"]) == said_in(whole.model_dump(exclude_none=True))


async def test_a_text_has_the_providers_order(simulator: Simulator) -> None:
    """Clients without an SDK read it by hand."""
    events = await events_of(simulator, asked())
    assert order_of(events) == [*BEGIN, *MESSAGE, "response.completed"]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    begun, ended = events[0]["response"], events[-1]["response"]
    assert (begun["status"], begun["output"], begun["usage"]) == ("in_progress", [], None)
    assert begun["id"] == ended["id"]
    (item,) = ended["output"]
    assert {event["item_id"] for event in events if "item_id" in event} == {item["id"]}
    text = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    assert text == item["content"][0]["text"]
    assert ended["usage"]["output_tokens"] > 30


async def test_a_cut_answer_ends_as_incomplete(simulator: Simulator) -> None:
    """A client that waits for `completed` only would wait for ever."""
    events = await events_of(simulator, asked(max_output_tokens=20))
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


async def test_a_streamed_answer_can_be_gone_on_with(client: AsyncOpenAI) -> None:
    """As one that was not streamed."""
    streamed, whole = await final(client, asked()), await client.responses.create(**asked())
    after = [await client.responses.create(**asked("Why?"), previous_response_id=each.id) for each in (streamed, whole)]
    assert after[0].output_text == after[1].output_text


async def test_a_dropped_stream_ends_in_an_error_after_some_words(client: AsyncOpenAI) -> None:
    """Half an answer followed by an error must not be stored or shown as whole."""
    received: list[str] = []
    stream = await client.responses.create(**asked(), stream=True, extra_headers={"x-simulator-fault": "disconnect"})
    # The first from today's SDK, the second from newer ones.
    with pytest.raises((httpx.RemoteProtocolError, openai.APIConnectionError)):
        await _collect(stream, received)
    assert "response.output_text.delta" in received
    assert "response.completed" not in received


async def test_a_silent_end_is_no_error_and_no_end(client: AsyncOpenAI, simulator: Simulator) -> None:
    """Only who looks for the final event can tell that the answer is not whole."""
    stream = await client.responses.create(**asked(), stream=True, extra_headers={"x-simulator-fault": "silent_end"})
    assert "response.completed" not in [event.type async for event in stream]
    assert order_of(await events_of(simulator, asked(), "silent_end")) == [*BEGIN, *MESSAGE[:3]]
    assert [record["outcome"] for record in simulator.requests()] == ["ended_early"] * 2


async def _collect(stream: AsyncIterator[Any], received: list[str]) -> None:
    async for event in stream:
        received.append(event.type)  # noqa: PERF401 - what came before an error is wanted
