"""Tool calls, stored and served."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import ROUTES, Keys, Provider, Route, RunningProxy
from tests.support.answers import Answer

ALL_ROUTES = pytest.mark.parametrize("route", ROUTES)
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
    for name in ("get_weather", "get_population")
]


def calls_of(answer: Answer) -> list[tuple[str, str, str]]:
    """Id, name and arguments of each call."""
    calls: Any = answer.body.choices[0].message.tool_calls
    return [(call.id, call.function.name, call.function.arguments) for call in calls]


@pytest.fixture
def request_for_calls(question: str) -> str:
    """Words that make the provider call both tools."""
    return f"{question} Then get weather and get population for Lisbon."


@ALL_ROUTES
def test_a_tool_call_twice_is_a_hit_with_the_same_arguments(
    proxy: RunningProxy, provider: Provider, keys: Keys, request_for_calls: str, route: Route
) -> None:
    first = proxy.teach(keys.support, request_for_calls, route=route, tools=TOOLS)
    second = proxy.ask(keys.support, request_for_calls, route=route, tools=TOOLS)

    assert second.cache == "exact"
    assert second.body.choices[0].finish_reason == "tool_calls"
    assert len(calls_of(first)) == 2
    assert calls_of(second) == calls_of(first)
    assert second.wire == first.wire
    assert provider.times_asked(request_for_calls) == 1


@ALL_ROUTES
def test_a_streamed_tool_call_twice_is_a_hit_with_the_same_arguments(
    proxy: RunningProxy, provider: Provider, keys: Keys, request_for_calls: str, route: Route
) -> None:
    first = proxy.teach_streamed(keys.support, request_for_calls, route=route, tools=TOOLS)
    second = proxy.ask_streamed(keys.support, request_for_calls, route=route, tools=TOOLS)

    assert second.cache == "exact"
    assert len(first.tool_calls) == 2
    assert second.tool_calls == first.tool_calls
    assert second.finish_reason == "tool_calls"
    assert provider.times_asked(request_for_calls) == 1


@ALL_ROUTES
def test_a_tool_call_stored_from_a_stream_is_served_whole_and_the_other_way_round(
    proxy: RunningProxy, keys: Keys, request_for_calls: str, route: Route
) -> None:
    streamed = proxy.teach_streamed(keys.support, request_for_calls, route=route, tools=TOOLS)
    whole = proxy.ask(keys.support, request_for_calls, route=route, tools=TOOLS)

    assert (whole.cache, calls_of(whole)) == ("exact", streamed.tool_calls)

    whole = proxy.teach(keys.sales, request_for_calls, route=route, tools=TOOLS)
    streamed = proxy.ask_streamed(keys.sales, request_for_calls, route=route, tools=TOOLS)

    assert (streamed.cache, streamed.tool_calls) == ("exact", calls_of(whole))


def test_similar_words_never_get_another_s_tool_call(proxy: RunningProxy, keys: Keys) -> None:
    """What a tool is called with is what similarity sees least."""
    proxy.teach(keys.support, "Please get weather for the town of Porto", tools=TOOLS)
    other = proxy.ask(keys.support, "Please get weather for the city of Porto", tools=TOOLS)

    assert (other.cache, other.reason) == ("miss", "tools_offered")


def test_another_tool_result_is_another_request(proxy: RunningProxy, keys: Keys, request_for_calls: str) -> None:
    def chat(result: str) -> list[dict[str, Any]]:
        call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
        return [
            {"role": "user", "content": request_for_calls},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": result},
        ]

    proxy.teach(keys.support, messages=chat("21 degrees"), tools=TOOLS)

    assert proxy.ask(keys.support, messages=chat("12 degrees"), tools=TOOLS).cache == "miss"
    assert proxy.ask(keys.support, messages=chat("21 degrees"), tools=TOOLS).cache == "exact"
