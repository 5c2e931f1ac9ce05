"""Streamed chat completions, as the real OpenAI SDK sees them."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletionChunk

from litellm_plugins.simulator import Simulator, SimulatorSettings

MESSAGES: list[Any] = [{"role": "user", "content": "How do I get a refund?"}]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "refund",
        "parameters": {
            "type": "object",
            "properties": {"order": {"type": "integer"}, "why": {"type": "string"}},
        },
    },
}


async def chunks_of(client: AsyncOpenAI, text: str | None = None, **options: Any) -> list[ChatCompletionChunk]:
    messages: list[Any] = MESSAGES if text is None else [{"role": "user", "content": text}]
    stream = await client.chat.completions.create(model="gpt-4o", messages=messages, stream=True, **options)
    return [chunk async for chunk in stream]


def content_of(chunks: list[ChatCompletionChunk], index: int = 0) -> str:
    choices = [choice for chunk in chunks for choice in chunk.choices if choice.index == index]
    return "".join(choice.delta.content or "" for choice in choices)


async def test_a_stream_says_what_the_whole_answer_says(client: AsyncOpenAI) -> None:
    """A cached answer may be delivered either way."""
    whole = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert content_of(await chunks_of(client)) == whole.choices[0].message.content


async def test_a_stream_has_the_providers_order(client: AsyncOpenAI) -> None:
    """Role first, then words, then the finish reason; one id for all of it."""
    chunks = await chunks_of(client)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert all(chunk.choices[0].delta.role is None for chunk in chunks[1:])
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len(chunks) > 10


async def test_usage_comes_last_and_only_if_asked_for(client: AsyncOpenAI) -> None:
    """Settling a streamed request rests on this chunk."""
    assert all(chunk.usage is None for chunk in await chunks_of(client))
    chunks = await chunks_of(client, stream_options={"include_usage": True})
    whole = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


async def test_the_raw_stream_is_server_sent_events(simulator: Simulator) -> None:
    """Clients without an SDK read it by hand."""
    async with httpx.AsyncClient(base_url=simulator.url) as http:
        body = {"model": "gpt-4o", "messages": MESSAGES, "stream": True}
        streamed = await http.post("/chat/completions", json=body)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    events = streamed.text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert all(event.startswith("data: {") for event in events[:-2])


async def test_several_choices_are_streamed_side_by_side(client: AsyncOpenAI) -> None:
    """Each choice's chunks carry its index."""
    chunks = await chunks_of(client, n=2)
    whole = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, n=2)
    assert [content_of(chunks, index) for index in (0, 1)] == [each.message.content for each in whole.choices]


async def test_tool_arguments_are_streamed_in_pieces(client: AsyncOpenAI) -> None:
    """Joined by index they are the whole call."""
    asked = "refund order 4711, it broke on Monday"
    chunks = await chunks_of(client, asked, tools=[TOOL])
    deltas = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    whole = await client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": asked}],
        tools=[TOOL],  # type: ignore[list-item] # a plain dict
    )
    calls = whole.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].type == "function"
    assert deltas[0].id == calls[0].id
    assert deltas[0].function is not None
    assert deltas[0].function.name == "refund"
    assert len(deltas) > 2
    arguments = [delta.function.arguments or "" for delta in deltas if delta.function]
    assert "".join(arguments) == calls[0].function.arguments
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


async def test_a_dropped_stream_ends_in_an_error_after_some_words(client: AsyncOpenAI) -> None:
    """Half an answer followed by an error must not be stored or shown as whole."""
    stream = await client.chat.completions.create(
        model="gpt-4o", messages=MESSAGES, stream=True, extra_headers={"x-simulator-fault": "disconnect"}
    )
    received: list[ChatCompletionChunk] = []
    # The first from today's SDK, the second from newer ones.
    with pytest.raises((httpx.RemoteProtocolError, openai.APIConnectionError)):
        await _collect(stream, received)
    assert content_of(received)
    assert all(chunk.choices[0].finish_reason is None for chunk in received)


async def test_a_client_that_leaves_stops_the_stream(paced: tuple[Simulator, AsyncOpenAI]) -> None:
    """An early stop saves money only if the provider learns of it."""
    simulator, client = paced
    stream = await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
    async for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    await stream.close()
    for _ in range(500):
        if simulator.requests()[-1]["outcome"] != "open":
            break
        await asyncio.sleep(0.01)
    record = simulator.requests()[-1]
    assert record["outcome"] == "client_left"
    assert 0 < record["tokens_sent"] < 40  # the shortest answer


async def test_chunks_arrive_as_they_are_spoken(paced: tuple[Simulator, AsyncOpenAI]) -> None:
    """A stream that came in one piece would make time to first token look like the whole answer's."""
    clock = asyncio.get_running_loop().time
    stream = await paced[1].chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True, max_tokens=30)
    arrivals = [clock() async for _ in stream]
    gaps = [later - earlier for earlier, later in pairwise(arrivals)]
    assert sum(gap > 0.005 for gap in gaps) >= 5


@pytest.fixture
async def paced() -> AsyncIterator[tuple[Simulator, AsyncOpenAI]]:
    """A simulator that takes its time, and a client that has made its first call.

    The SDK's first call in a process is slow enough to read a whole stream from the socket's buffer.
    """
    with Simulator(SimulatorSettings(latency_scale=1.0)) as simulator:
        async with AsyncOpenAI(base_url=f"{simulator.url}/v1", api_key="any", max_retries=0) as client:
            await chunks_of(client, "warm up", max_tokens=1)
            yield simulator, client


async def _collect(stream: AsyncStream[ChatCompletionChunk], received: list[ChatCompletionChunk]) -> None:
    async for chunk in stream:
        received.append(chunk)  # noqa: PERF401 - what came before an error is wanted
