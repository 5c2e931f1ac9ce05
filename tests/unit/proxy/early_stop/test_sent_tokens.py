"""The tokens of a stream that was ended: of what was sent, in whichever endpoint's words."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.model import Identity, Request
from litellm_plugins.proxy.early_stop.sent_tokens import tokens_used
from litellm_plugins.simulator.tokens import tokenizer_for

pytestmark = pytest.mark.filterwarnings("ignore")  # the host's, of its own models
MODEL = "gpt-4.1"
ASKED: list[dict[str, Any]] = [{"role": "user", "content": "Why is the sky blue?"}]
LONG = "You help the customers of a shop. " * 50
FUNCTION = {
    "name": "get_weather",
    "description": "Of a city. " * 30,
    "parameters": {"type": "object", "properties": {}},
}


def asked(endpoint: str = "chat", **parameters: Any) -> Request:
    return Request(endpoint, MODEL, tuple(ASKED), parameters, Identity(key_id="k"))


def prompt(endpoint: str, **sent: Any) -> int:
    return tokens_used(MODEL, asked(endpoint), sent, "")[0]


def test_what_was_sent_counts_and_not_what_was_asked() -> None:
    plain, answered = tokens_used(MODEL, asked(), {"messages": ASKED}, "Because it scatters.")
    assert (plain, answered) == (13, 5)
    assert tokens_used(MODEL, asked(), None, "")[0] == plain, "nothing is known of what was sent"
    assert prompt("chat", messages=[{"role": "system", "content": LONG}, *ASKED]) > plain + 300
    assert prompt("responses", input="Why is the sky blue?", instructions=LONG) > plain + 300
    assert prompt("responses", input=ASKED) == plain
    assert prompt("messages", messages=ASKED, system=[{"type": "text", "text": LONG}]) > plain + 300
    assert prompt("messages", input=ASKED) == plain, "the host has translated it"
    assert prompt("completions", prompt=["Why is the", " sky blue?"]) == 6
    assert prompt("completions", prompt="Why is the sky blue?") == prompt("completions", messages=ASKED) == 6


@pytest.mark.parametrize(
    "tools",
    [
        {"tools": [{"type": "function", "function": FUNCTION}]},
        {"tools": [{"type": "function", **FUNCTION}]},
        {"tools": [{"name": "get_weather", "description": "Of a city. " * 30, "input_schema": FUNCTION["parameters"]}]},
        {"functions": [FUNCTION]},
        {"tools": [{"type": "function", "function": {**FUNCTION, "parameters": {"properties": {"a": True}}}}]},
    ],
    ids=["chat", "responses", "messages", "legacy", "of an odd schema"],
)
def test_tools_are_read_by_the_model_too(tools: dict[str, Any]) -> None:
    more = prompt("chat", messages=ASKED, **tools) - prompt("chat", messages=ASKED)
    assert 90 < more < 160


@pytest.mark.parametrize("odd", [None, [], [None], [{"role": "user", "content": [{"type": "input_audio"}]}], [7], 7])
def test_whatever_was_sent_something_is_counted(odd: Any) -> None:
    for endpoint in ("chat", "messages", "responses", "completions"):
        sent: dict[str, Any] = {"messages": odd, "tools": odd}
        assert tokens_used(MODEL, asked(endpoint), sent, "yes")[1] == 1


def test_calls_of_tools_in_a_conversation_count() -> None:
    call = {"type": "function_call", "name": "get_weather", "arguments": '{"city": "Paris"}' * 30, "call_id": "1"}
    use = {"type": "tool_use", "id": "1", "name": "get_weather", "input": {"city": "Paris " * 60}}
    assert prompt("responses", input=[*ASKED, call]) > prompt("responses", input=ASKED) + 100
    told = [*ASKED, {"role": "assistant", "content": [use]}]
    assert prompt("messages", messages=told) > prompt("messages", messages=ASKED) + 50


def test_a_model_is_counted_by_its_own_tokenizer_whoever_serves_it() -> None:
    said = "El señor Núñez pidió veintidós artículos, número 357710."
    with_provider, without = (tokens_used(model, asked(), None, said) for model in ("openai/gpt-4.1", "gpt-4.1"))
    assert with_provider == without
    assert without[1] == tokenizer_for("gpt-4.1").count(said) != tokenizer_for("gpt-4").count(said)
