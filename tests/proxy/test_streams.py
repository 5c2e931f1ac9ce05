"""Streams, stored and served."""

from __future__ import annotations

import pytest

from tests.support import ROUTES, Keys, Provider, Route, RunningProxy
from tests.support.answers import StreamedAnswer

ALL_ROUTES = pytest.mark.parametrize("route", ROUTES)


def said(answer: StreamedAnswer) -> tuple[object, ...]:
    """All that a client puts together from a stream."""
    return answer.text, answer.finish_reason, answer.tool_calls, {chunk.id for chunk in answer.chunks}


@ALL_ROUTES
def test_the_second_stream_is_a_stream_a_hit_and_equal_in_content(
    proxy: RunningProxy, provider: Provider, keys: Keys, question: str, route: Route
) -> None:
    first = proxy.teach_streamed(keys.support, question, route=route)
    second = proxy.ask_streamed(keys.support, question, route=route)

    assert (first.cache, second.cache) == ("miss", "exact")
    assert second.headers["content-type"].startswith("text/event-stream")
    assert len(second.chunks) > 2
    assert said(second) == said(first)
    assert second.cost_usd == 0
    assert provider.times_asked(question) == 1


@ALL_ROUTES
def test_a_streamed_answer_is_served_whole(proxy: RunningProxy, keys: Keys, question: str, route: Route) -> None:
    streamed = proxy.teach_streamed(keys.support, question, route=route)
    whole = proxy.ask(keys.support, question, route=route)

    assert (whole.cache, whole.text) == ("exact", streamed.text)
    assert whole.body.choices[0].finish_reason == streamed.finish_reason == "stop"
    assert whole.body.object == "chat.completion"
    assert whole.body.usage is not None
    assert whole.body.usage.completion_tokens > 0


@ALL_ROUTES
def test_a_whole_answer_is_served_as_a_stream(proxy: RunningProxy, keys: Keys, question: str, route: Route) -> None:
    whole = proxy.teach(keys.support, question, route=route)
    streamed = proxy.ask_streamed(keys.support, question, route=route)

    assert (streamed.cache, streamed.text) == ("exact", whole.text)
    assert streamed.finish_reason == "stop"
    assert {chunk.object for chunk in streamed.chunks} == {"chat.completion.chunk"}
    assert {chunk.model for chunk in streamed.chunks} == {whole.body.model}


@ALL_ROUTES
def test_usage_comes_only_when_it_is_asked_for(proxy: RunningProxy, keys: Keys, question: str, route: Route) -> None:
    whole = proxy.teach(keys.support, question, route=route)
    silent = proxy.ask_streamed(keys.support, question, route=route)
    asked = proxy.ask_streamed(keys.support, question, route=route, stream_options={"include_usage": True})

    assert (silent.cache, asked.cache) == ("exact", "exact")
    assert all(chunk.usage is None for chunk in silent.chunks)
    assert not any(choice.delta.content for choice in asked.chunks[-1].choices)
    told, known = asked.chunks[-1].usage, whole.body.usage
    assert told is not None
    assert known is not None
    assert (told.prompt_tokens, told.completion_tokens) == (known.prompt_tokens, known.completion_tokens)
    assert all(chunk.usage is None for chunk in asked.chunks[:-1])


def test_usage_of_a_fresh_stream_comes_only_when_it_is_asked_for(
    proxy: RunningProxy, keys: Keys, question: str
) -> None:
    """The pack must not make the host send what it would not send without it."""
    fresh = proxy.ask_streamed(keys.support, question)

    assert fresh.cache == "miss"
    assert all(chunk.usage is None for chunk in fresh.chunks)


@ALL_ROUTES
def test_two_choices_are_both_kept(proxy: RunningProxy, keys: Keys, question: str, route: Route) -> None:
    first = proxy.teach(keys.support, question, route=route, n=2)
    whole = proxy.ask(keys.support, question, route=route, n=2)
    streamed = proxy.ask_streamed(keys.support, question, route=route, n=2)

    assert (whole.cache, streamed.cache) == ("exact", "exact")
    assert whole.wire == first.wire
    told = {0: "", 1: ""}
    for chunk in streamed.chunks:
        for choice in chunk.choices:
            told[choice.index] += choice.delta.content or ""
    assert list(told.values()) == [choice.message.content for choice in first.body.choices]


async def test_the_asynchronous_sdk_reads_a_hit_stream(proxy: RunningProxy, keys: Keys, question: str) -> None:
    whole = proxy.teach(keys.support, question)
    text = ""
    async with proxy.async_client(keys.support) as client:
        stream = await client.chat.completions.create(
            model="gpt-4.1", messages=[{"role": "user", "content": question}], stream=True
        )
        async for chunk in stream:
            text += "".join(choice.delta.content or "" for choice in chunk.choices)

    assert text == whole.text
