"""Reading a request of Anthropic's Messages API."""

import re
from dataclasses import replace
from typing import Any

from litellm_plugins.simulator.anthropic_content import chat_messages_of
from litellm_plugins.simulator.anthropic_fields import number, objects, optional, refused, required
from litellm_plugins.simulator.openai_request import MAX_TOKENS, ChatRequest, parse_chat

_FIELDS = frozenset({
    "model", "messages", "max_tokens", "system", "tools", "tool_choice", "temperature", "top_p", "top_k",
    "stop_sequences", "stream", "thinking", "metadata", "service_tier", "container", "context_management",
    "mcp_servers", "betas", "cache_control", "inference_geo", "output_config", "output_format", "speed",
})  # fmt: skip
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}\Z")


def parse_messages(body: dict[str, Any], *, counting: bool = False) -> ChatRequest:
    """A chat that says the same. `counting` asks for no `max_tokens`.

    Raises:
        RequestError: Anthropic would answer with 400.
    """
    for name in body:
        if name not in _FIELDS:
            raise refused(name, "Extra inputs are not permitted")
    chat = {
        "model": required(body, "model", str),
        "messages": chat_messages_of(body),
        "max_tokens": _max_tokens_of(body, counting=counting),
        "temperature": number(body, "temperature", 0, 1),
        "top_p": number(body, "top_p", 0, 1),
        "top_k": number(body, "top_k", 0, MAX_TOKENS),
        "stream": optional(body, "stream", bool),
        "thinking": optional(body, "thinking", dict),
        "response_format": _response_format(body),
        **_tools_of(body),
    }
    request = parse_chat(chat)
    return replace(request, prompt=replace(request.prompt, stop=_stops_of(body)), tools_as_json=True)


def _max_tokens_of(body: dict[str, Any], *, counting: bool) -> int | None:
    if counting:
        return None
    required(body, "max_tokens", int)
    number(body, "max_tokens", 1, MAX_TOKENS)
    return int(body["max_tokens"])


def _stops_of(body: dict[str, Any]) -> tuple[str, ...]:
    stops = optional(body, "stop_sequences", list) or []
    for index, stop in enumerate(stops):
        if not isinstance(stop, str):
            raise refused(f"stop_sequences.{index}", "Input should be a valid string")
        if not stop.strip():
            raise refused("stop_sequences", "each stop sequence must contain non-whitespace")
    return tuple(stops)


def _tools_of(body: dict[str, Any]) -> dict[str, Any]:
    """The client's tools; those that Anthropic itself runs are let pass and never called."""
    tools = objects(body, "tools")
    functions = [
        _function(tool, f"tools.{index}") for index, tool in enumerate(tools) if tool.get("type") in (None, "custom")
    ]
    choice = optional(body, "tool_choice", dict)
    if choice is None:
        return {"tools": functions or None}
    if not tools:
        raise refused("tool_choice", "may only be specified while providing `tools`")
    wanted = _wanted(choice, {function["function"]["name"] for function in functions})
    if not functions:
        return {}
    return {
        "tools": functions,
        "tool_choice": wanted,
        "parallel_tool_calls": False if choice.get("disable_parallel_tool_use") else None,
    }


def _function(tool: dict[str, Any], at: str) -> dict[str, Any]:
    name = required(tool, "name", str, at)
    if not _TOOL_NAME.match(name):
        raise refused(f"{at}.name", "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'")
    parameters = required(tool, "input_schema", dict, at)
    if parameters.get("type") != "object":
        raise refused(f"{at}.input_schema.type", "Input should be 'object'")
    description = optional(tool, "description", str, at)
    described = {} if description is None else {"description": description}
    return {"type": "function", "function": {"name": name, **described, "parameters": parameters}}


def _wanted(choice: dict[str, Any], names: set[str]) -> str | dict[str, Any]:
    kind = required(choice, "type", str, "tool_choice")
    if kind == "tool":
        name = required(choice, "name", str, "tool_choice")
        if name not in names:
            raise refused("tool_choice", f"Tool '{name}' not found in provided tools")
        return {"type": "function", "function": {"name": name}}
    if kind not in ("auto", "any", "none"):
        why = f"Input tag '{kind}' found using 'type' does not match any of: 'auto', 'any', 'none', 'tool'"
        raise refused("tool_choice", why)
    return "required" if kind == "any" else kind


def _response_format(body: dict[str, Any]) -> dict[str, Any] | None:
    """Structured output is asked for in `output_config.format`, and was in `output_format` before."""
    config = optional(body, "output_config", dict) or {}
    given = optional(config, "format", dict, "output_config") or optional(body, "output_format", dict)
    if given is None:
        return None
    if given.get("type") != "json_schema":
        raise refused("output_config.format.type", "Input should be 'json_schema'")
    return {"type": "json_schema", "json_schema": {"schema": required(given, "schema", dict, "output_config.format")}}
