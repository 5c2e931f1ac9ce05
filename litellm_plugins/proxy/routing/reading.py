"""What a router reads of a request, on any endpoint: its conversation, and the tier that its client names. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from litellm_plugins.routing.checks import Wanted
from litellm_plugins.routing.conversation import Conversation, Turn
from litellm_plugins.telemetry.sinks.headers import PREFIX

if TYPE_CHECKING:
    from litellm_plugins.model import Request

ROUTE_HEADER = f"{PREFIX}route"
_OURS = "litellm_plugins"  # in the client's metadata
_IMAGES = ("image_url", "image", "input_image")
_ROLES = ("system", "developer", "user", "assistant", "tool")  # tuples: a client may send anything, lists too
_OF_TOOLS = ("function_call_output", "custom_tool_call_output")
_MOST_DEEP = 4  # of content in content: the result of a tool in a message


def conversation_of(request: Request) -> Conversation:
    """Its turns as the endpoint spells them, made alike."""
    turns = [*_said_apart(request.parameters), *map(_turn, request.messages)]
    images = sum(_images(_mapping(message).get("content")) for message in request.messages)
    tools = request.parameters.get("tools") or request.parameters.get("functions")
    return Conversation(
        turns=tuple(turn for turn in turns if turn.text),
        tools=len(tools) if isinstance(tools, list) else 0,
        images=images,
        json_schema=_wants_schema(request.parameters),
    )


def forced_tier(data: Mapping[str, Any]) -> str | None:
    """The tier that the client names, in a header or in its metadata."""
    headers = _mapping(_mapping(data.get("proxy_server_request")).get("headers"))
    said = [headers.get(ROUTE_HEADER)]
    said += [_mapping(_mapping(data.get(place)).get(_OURS)).get("route") for place in ("metadata", "litellm_metadata")]
    return next((str(each) for each in said if isinstance(each, str) and each), None)


def wanted_of(request: Request) -> Wanted:
    """What a check of its answer has to know."""
    parameters = request.parameters
    places = (parameters.get("response_format"), _mapping(parameters.get("text")).get("format"))
    shapes = [_mapping(place) for place in (*places, parameters.get("output_format"))]
    shape = next((each for each in shapes if each.get("type") in ("json_schema", "json_object")), {})
    schema = _mapping(shape.get("json_schema")).get("schema") or shape.get("schema")
    return Wanted(
        question=conversation_of(request).question,
        json=bool(shape),
        schema=schema if isinstance(schema, Mapping) else None,
    )


def _said_apart(parameters: Mapping[str, Any]) -> Iterator[Turn]:
    for name in ("system", "instructions"):
        text = "\n".join(_texts(parameters.get(name)))
        if text:
            yield Turn("system", text)


def _turn(message: object) -> Turn:
    said = _mapping(message)
    role, content = said.get("role"), said.get("content")
    if role is None and said.get("type") in _OF_TOOLS:
        return Turn("tool", "\n".join(_texts(said.get("output"))))
    if _is_result(content) or role == "function":
        return Turn("tool", "\n".join(_texts(content)))
    known = next((each for each in _ROLES if each == role), "user")
    return Turn(known, "\n".join(_texts(content)))


def _is_result(content: object) -> bool:
    """Of Anthropic's, that a user's turn brings along: no word of it is the user's."""
    parts = content if isinstance(content, list) else []
    return bool(parts) and all(_mapping(part).get("type") == "tool_result" for part in parts)


def _texts(content: object, depth: int = 0) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list) and depth < _MOST_DEEP:
        for part in content:
            yield from _texts(part, depth + 1)
    elif isinstance(content, Mapping) and depth < _MOST_DEEP:
        text = content.get("text")
        yield from [text] if isinstance(text, str) else _texts(content.get("content"), depth + 1)


def _images(content: object, depth: int = 0) -> int:
    if not isinstance(content, list) or depth >= _MOST_DEEP:
        return 0
    parts = [_mapping(part) for part in content]
    return sum((part.get("type") in _IMAGES) + _images(part.get("content"), depth + 1) for part in parts)


def _wants_schema(parameters: Mapping[str, Any]) -> bool:
    places = (
        parameters.get("response_format"),
        _mapping(parameters.get("text")).get("format"),
        parameters.get("output_format"),
    )
    return any(_mapping(place).get("type") == "json_schema" for place in places)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
