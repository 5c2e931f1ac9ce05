"""What OpenAI refuses of tool calls and their results in a chat."""

from __future__ import annotations

import re
from typing import Any

import pytest

from litellm_plugins.simulator.openai_messages import check_calls
from litellm_plugins.simulator.wire import RequestError

USER = {"role": "user", "content": "?"}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": each, "type": "function", "function": {"name": "f", "arguments": "{}"}} for each in "ab"],
}
A, B = ({"role": "tool", "tool_call_id": each, "content": "1"} for each in "ab")


@pytest.mark.parametrize("messages", [[USER], [USER, CALL, B, A, USER], [CALL, A, B, CALL, A, B]])
def test_whole_pairs_are_taken(messages: list[dict[str, Any]]) -> None:
    check_calls(messages)


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([USER, A], "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'"),
        ([CALL, A, B, A], "must be a response to a preceeding message"),
        ([CALL, A, B, USER, A], "must be a response to a preceeding message"),
        ([CALL, A, USER, B], "The following tool_call_ids did not have response messages: b"),
        ([USER, CALL], "did not have response messages: a, b"),
        ([CALL, USER, A, B], "did not have response messages: a, b"),
    ],
)
def test_halves_are_refused(messages: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(RequestError, match=re.escape(why)):
        check_calls(messages)
