"""What a router reads of a request, on each endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.model import Identity, Request
from litellm_plugins.proxy.routing.reading import conversation_of, forced_tier
from litellm_plugins.routing.conversation import Turn


def request(endpoint: str, *messages: Any, **parameters: Any) -> Request:
    return Request(endpoint, "auto", messages, parameters, Identity())


def test_a_chat_with_its_tools_images_and_schema() -> None:
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    found = conversation_of(
        request(
            "chat",
            {"role": "system", "content": "Be brief."},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
            {"role": "tool", "content": "17"},
            {"role": "user", "content": parts},
            tools=[{"type": "function"}, {"type": "function"}],
            response_format={"type": "json_schema", "json_schema": {}},
        )
    )

    assert found.turns == (Turn("system", "Be brief."), Turn("tool", "17"), Turn("user", "What is it?"))
    assert (found.tools, found.images, found.json_schema) == (2, 1, True)


def test_anthropic_s_results_of_tools_are_no_words_of_the_user() -> None:
    result = {"type": "tool_result", "content": [{"type": "text", "text": "17"}, {"type": "image", "source": {}}]}
    found = conversation_of(
        request(
            "messages",
            {"role": "user", "content": "Count them."},
            {"role": "user", "content": [result]},
            system=[{"type": "text", "text": "Be brief."}],
        )
    )

    assert found.turns == (Turn("system", "Be brief."), Turn("user", "Count them."), Turn("tool", "17"))
    assert found.question == "Count them."
    assert found.images == 1


def test_the_items_of_a_response() -> None:
    found = conversation_of(
        request(
            "responses",
            {"role": "user", "content": [{"type": "input_text", "text": "Look."}, {"type": "input_image"}]},
            {"type": "function_call_output", "output": "17"},
            instructions="Be brief.",
            text={"format": {"type": "json_schema"}},
        )
    )

    assert found.turns == (Turn("system", "Be brief."), Turn("user", "Look."), Turn("tool", "17"))
    assert (found.images, found.json_schema) == (1, True)


def test_the_prompt_of_a_completion() -> None:
    assert conversation_of(request("completions", {"role": "user", "content": "Once"})).question == "Once"
    listed = conversation_of(request("completions", {"role": "user", "content": ["Once", "Twice"]}))
    assert listed.question == "Once\nTwice"


@pytest.mark.parametrize("odd", [None, 17, "text", [], {"content": {"content": [[[["deep"]]]]}}, {"role": ["user"]}])
def test_whatever_a_client_sends_is_read_without_fault(odd: Any) -> None:
    assert conversation_of(request("chat", odd, tools="none", response_format="json")).tools == 0


def test_a_tier_is_named_in_a_header_or_in_metadata_and_the_header_comes_first() -> None:
    header = {"proxy_server_request": {"headers": {"x-litellm-plugins-route": "strong"}}}
    metadata = {"metadata": {"litellm_plugins": {"route": "small"}}}

    assert forced_tier({**header, **metadata}) == "strong"
    assert forced_tier(metadata) == "small"
    assert forced_tier({"litellm_metadata": metadata["metadata"]}) == "small"
    assert forced_tier({"metadata": {"litellm_plugins": {"route": 3}}}) is None
