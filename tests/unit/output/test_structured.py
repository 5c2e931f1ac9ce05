"""Where a request holds the schema of its answer."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.output.structured import forced_schema_in, is_told_apart, with_schema

SCHEMA = {"type": "object", "properties": {"long_name": {"type": "string"}}, "additionalProperties": False}
FUNCTION = {"name": "order", "parameters": SCHEMA}
ASKED: list[Any] = [{"role": "user", "content": "Which?"}]
CHAT: dict[str, Any] = {
    "messages": ASKED,
    "tools": [{"type": "function", "function": FUNCTION}],
    "tool_choice": {"type": "function", "function": {"name": "order"}},
}
MESSAGES: dict[str, Any] = {
    "messages": ASKED,
    "tools": [{"name": "order", "input_schema": SCHEMA}],
    "tool_choice": {"type": "tool", "name": "order"},
}
RESPONSES: dict[str, Any] = {
    "input": ASKED,
    "tools": [{"type": "function", **FUNCTION}],
    "tool_choice": {"type": "function", "name": "order"},
}
CALL = {"id": "c", "type": "function", "function": {"name": "order", "arguments": "{}"}}
USE = {"type": "tool_use", "id": "t", "name": "order", "input": {}}
ITEM = {"type": "function_call", "call_id": "c", "name": "order", "arguments": "{}"}


@pytest.mark.parametrize(("endpoint", "body"), [("chat", CHAT), ("messages", MESSAGES), ("responses", RESPONSES)])
def test_the_schema_of_a_forced_tool_is_found_and_replaced(endpoint: str, body: dict[str, Any]) -> None:
    found = forced_schema_in(endpoint, body)
    assert found is not None
    way, schema = found
    assert schema == SCHEMA
    changed = {**body, **with_schema(body, way, {"type": "object"})}
    assert forced_schema_in(endpoint, changed) == (way, {"type": "object"})
    assert body["tools"][0].get("function", body["tools"][0]).get("name") == "order"
    assert forced_schema_in(endpoint, body) == found, "what its client sent is as it was"


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("chat", {**CHAT, "tool_choice": "required"}),
        ("chat", {**CHAT, "tool_choice": {"type": "function", "function": {"name": "another"}}}),
        ("chat", {**CHAT, "tools": CHAT["tools"] * 2}),
        ("chat", {**CHAT, "tools": ["order"]}),
        ("chat", {**CHAT, "tools": [{"type": "function", "function": "order"}]}),
        ("chat", {**CHAT, "tool_choice": {"type": "function", "function": {"name": ["order"]}}}),
        ("chat", {**CHAT, "messages": [*ASKED, {"role": "assistant", "tool_calls": [CALL]}]}),
        ("messages", {**MESSAGES, "tool_choice": {"type": "any"}}),
        ("messages", {**MESSAGES, "tools": [{"type": "web_search_20250305", "name": "order"}]}),
        ("messages", {**MESSAGES, "messages": [*ASKED, {"role": "assistant", "content": [USE]}]}),
        ("responses", {**RESPONSES, "input": [*ASKED, ITEM]}),
        ("responses", {**RESPONSES, "previous_response_id": "resp_1"}),
        ("completions", CHAT),
        ("chat", {}),
    ],
)
def test_where_a_tool_is_not_forced_or_was_called_before_there_is_none(endpoint: str, body: dict[str, Any]) -> None:
    assert forced_schema_in(endpoint, body) is None


def test_tools_past_the_body_are_not_told_apart() -> None:
    assert is_told_apart("chat", CHAT)
    assert not is_told_apart("chat", {**CHAT, "extra_body": {"tools": []}})
