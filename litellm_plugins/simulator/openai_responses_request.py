"""Reading a request of OpenAI's Responses API."""

from dataclasses import dataclass
from typing import Any

from litellm_plugins.simulator.conversations import Conversations
from litellm_plugins.simulator.openai_messages import Message
from litellm_plugins.simulator.openai_request import (
    MAX_TOKENS,
    ChatRequest,
    given_of,
    model_of,
    parse_chat,
    whole_number_of,
)
from litellm_plugins.simulator.openai_responses_input import chat_messages_of
from litellm_plugins.simulator.wire import RequestError

_LEAST_TOKENS = 16  # OpenAI refuses less
_NOT_SIMULATED = ("background", "conversation", "prompt")
_AS_IN_CHAT = ("model", "temperature", "top_p", "stream", "parallel_tool_calls")


@dataclass(frozen=True, slots=True)
class ResponsesRequest:
    """A request that has been found valid. `conversation` is what a later request may go on with."""

    chat: ChatRequest
    conversation: list[Message]
    body: dict[str, Any]
    store: bool


def parse_responses(body: dict[str, Any], conversations: Conversations) -> ResponsesRequest:
    """Raises: RequestError, where OpenAI would answer with 400, or asks for what is not simulated."""
    model_of(body)
    for name in _NOT_SIMULATED:
        if body.get(name):
            raise RequestError(400, f"The simulator has no '{name}'", param=name, code="unsupported_parameter")
    if body.get("input") is None:
        message = "Missing required parameter: 'input'."
        raise RequestError(400, message, param="input", code="missing_required_parameter")
    before = _before(body, conversations)
    conversation = [*before, *chat_messages_of(body["input"], before)]
    instructions = given_of(body, "instructions", str)
    system = [{"role": "system", "content": instructions}] if instructions else []
    max_tokens = whole_number_of(body, "max_output_tokens", MAX_TOKENS, _LEAST_TOKENS)
    chat = {
        **{name: body[name] for name in _AS_IN_CHAT if name in body},
        **_tools(body),
        "messages": system + conversation,
        "max_completion_tokens": max_tokens,
        "reasoning_effort": given_of(body, "reasoning", dict).get("effort"),
        "response_format": _response_format(given_of(body, "text", dict)),
    }
    return ResponsesRequest(parse_chat(chat), conversation, body, body.get("store") is not False)


def _before(body: dict[str, Any], conversations: Conversations) -> list[Message]:
    previous = given_of(body, "previous_response_id", str)
    if not previous:
        return []
    messages = conversations.find(previous)
    if messages is None:
        message = f"Previous response with id '{previous}' not found."
        raise RequestError(400, message, param="previous_response_id", code="previous_response_not_found")
    return messages


def _tools(body: dict[str, Any]) -> dict[str, Any]:
    """The functions; tools that OpenAI itself runs are let pass and never called."""
    tools = given_of(body, "tools", list)
    functions = [
        {"type": "function", "function": _function(tool, f"tools[{index}]")}
        for index, tool in enumerate(tools)
        if not isinstance(tool, dict) or tool.get("type") == "function"
    ]
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        named = choice.get("type") == "function"
        choice = {"type": "function", "function": {"name": choice.get("name")}} if named else "auto"
    if not functions:
        # A choice without tools is refused only where it asks for one.
        return {"tool_choice": choice} if not tools and choice not in (None, "auto", "none") else {}
    return {"tools": functions, "tool_choice": choice}


def _function(tool: object, at: str) -> dict[str, Any]:
    if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
        message = f"Missing required parameter: '{at}.name'."
        raise RequestError(400, message, param=f"{at}.name", code="missing_required_parameter")
    if not isinstance(tool.get("parameters"), dict | None):
        raise RequestError(400, f"Invalid type for '{at}.parameters'", param=f"{at}.parameters", code="invalid_type")
    names = ("name", "description", "parameters", "strict")
    return {name: tool[name] for name in names if tool.get(name) is not None}


def _response_format(text: dict[str, Any]) -> dict[str, Any] | None:
    given = given_of(text, "format", dict)
    if given.get("type") != "json_schema":
        return given or None
    return {"type": "json_schema", "json_schema": {name: value for name, value in given.items() if name != "type"}}
