"""Where a request holds the JSON schema of its answer, in each endpoint's words: of a format, or of a forced tool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# By endpoint: the ways to it, and the key under which the format that is one says `json_schema`.
_PLACES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "chat": (("response_format", "json_schema", "schema"),),
    "messages": (("output_format", "schema"), ("output_config", "format", "schema")),
    "responses": (("text", "format", "schema"),),
}
_SEVERAL = ("n", "best_of")
Way = tuple[str | int, ...]
# By endpoint: the types of a tool, and of the choice that names it.
_FORCED: Mapping[str, tuple[tuple[str | None, str], ...]] = {
    "chat": (("function", "function"),),
    "messages": ((None, "tool"), ("custom", "tool")),
    "responses": (("function", "function"),),
}
_CALLS = frozenset({"tool_use", "tool_result", "function_call", "function_call_output"})  # blocks and items


def schema_in(endpoint: str, body: Mapping[str, Any]) -> tuple[tuple[str, ...], Mapping[str, Any]] | None:
    """Where the one schema stands, and itself; None: there is none, or more than one."""
    found = [(path, held) for path in _PLACES.get(endpoint, ()) if (held := _at(body, path)) is not None]
    return found[0] if len(found) == 1 else None


def forced_schema_in(endpoint: str, body: Mapping[str, Any]) -> tuple[Way, Mapping[str, Any]] | None:
    """The same of the one tool that is offered, and must be called: what is written is its arguments.

    None as well where the conversation holds calls of tools: these have the names that the client gave.
    """
    tools, choice = body.get("tools"), body.get("tool_choice")
    tool = tools[0] if isinstance(tools, list) and len(tools) == 1 else None
    if not isinstance(tool, Mapping) or not isinstance(choice, Mapping) or _has_calls(body):
        return None
    kinds, field = (tool.get("type"), choice.get("type")), "parameters"
    way: Way = ("tools", 0)
    named, wanted = tool, choice
    if endpoint == "chat":
        named, wanted, way = _mapping(tool.get("function")), _mapping(choice.get("function")), ("tools", 0, "function")
    elif endpoint == "messages":
        field = "input_schema"
    name, held = wanted.get("name"), named.get(field)
    if kinds not in _FORCED.get(endpoint, ()) or not isinstance(name, str) or named.get("name") != name:
        return None
    return ((*way, field), held) if isinstance(held, Mapping) else None


def with_schema(body: Mapping[str, Any], path: Way, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The field of `body` to replace, so that the schema at `path` is another."""
    first, *rest = path
    return {str(first): _replaced(body[str(first)], rest, schema)}


def is_told_apart(endpoint: str, body: Mapping[str, Any]) -> bool:
    """Whether an answer is one text of which nothing else speaks by its place or its words."""
    more = body.get("extra_body")
    firsts = {"tools", "tool_choice", *(path[0] for path in _PLACES.get(endpoint, ()))}
    if isinstance(more, Mapping) and firsts & more.keys():  # the host puts it over the body's
        return False
    several = any(body.get(name) not in (None, 1) for name in _SEVERAL)
    odds = body.get("logprobs") or body.get("top_logprobs") or "logprobs" in str(body.get("include") or "")
    return not (several or odds or body.get("background"))


def _at(held: Any, path: tuple[str, ...]) -> Mapping[str, Any] | None:  # noqa: ANN401 - any JSON
    for name in path:
        if not isinstance(held, Mapping):
            return None
        if name == "schema" and "type" in held and held["type"] != "json_schema":
            return None
        held = held.get(name)
    return held if isinstance(held, Mapping) else None


def _replaced(held: Any, path: list[str | int], schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    if not path:
        return schema
    first, *rest = path
    if isinstance(held, list):
        return [_replaced(each, rest, schema) if at == first else each for at, each in enumerate(held)]
    return {**held, first: _replaced(held[first], rest, schema)}


def _mapping(held: Any) -> Mapping[str, Any]:  # noqa: ANN401 - any JSON
    return held if isinstance(held, Mapping) else {}


def _has_calls(body: Mapping[str, Any]) -> bool:
    if body.get("previous_response_id") or body.get("conversation"):
        return True  # what was said before lies at the provider
    said = [each for name in ("messages", "input") for each in _mappings(body.get(name))]
    blocks = [*said, *(block for each in said for block in _mappings(each.get("content")))]
    called = any(each.get("tool_calls") or each.get("function_call") or each.get("role") == "tool" for each in said)
    return called or any(str(each.get("type")) in _CALLS for each in blocks)


def _mappings(held: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401 - any JSON
    return [each for each in held if isinstance(each, Mapping)] if isinstance(held, list) else []
