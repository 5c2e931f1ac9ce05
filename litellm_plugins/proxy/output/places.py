"""Where the JSON of an answer stands: in its text, or in the arguments of the one tool that was forced. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from litellm_plugins.output.json_keys import with_long_keys

if TYPE_CHECKING:
    from litellm_plugins.output.schema_keys import Shortened
    from litellm_plugins.proxy.wire.stopping import Piece

Place = tuple[Any, ...]
_NAMES = ("name", "type")  # of a tool that is called, which a stream says like words


def texts(endpoint: str, body: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """The answer's words: what holds each, and its field."""
    if endpoint == "chat":
        held = [each.get("message") for each in _dicts(body.get("choices"))]
        wanted = [(each, "content") for each in held if isinstance(each, dict)]
    elif endpoint == "messages":
        wanted = [(each, "text") for each in _dicts(body.get("content")) if each.get("type") == "text"]
    else:
        parts = [part for item in _dicts(body.get("output")) for part in _dicts(item.get("content"))]
        wanted = [(each, "text") for each in parts if each.get("type") == "output_text"]
    yield from ((holder, field) for holder, field in wanted if isinstance(holder.get(field), str))


def arguments(endpoint: str, body: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """The same of the tools that it calls. Anthropic's arguments are no text, but an object."""
    if endpoint == "messages":
        uses = [each for each in _dicts(body.get("content")) if each.get("type") == "tool_use"]
        yield from ((each, "input") for each in uses if isinstance(each.get("input"), dict))
        return
    if endpoint == "chat":
        messages = [each.get("message") for each in _dicts(body.get("choices"))]
        calls = [call for each in messages if isinstance(each, dict) for call in _dicts(each.get("tool_calls"))]
        wanted = [call.get("function") for call in calls]
    else:
        wanted = [each for each in _dicts(body.get("output")) if each.get("type") == "function_call"]
    yield from (
        (each, "arguments") for each in wanted if isinstance(each, dict) and isinstance(each.get("arguments"), str)
    )


def lengthened(made: Shortened, said: Any) -> Any:
    """A text, or an object, with long keys."""
    if isinstance(said, str):
        return with_long_keys(made, said)
    return json.loads(with_long_keys(made, json.dumps(said, ensure_ascii=False)))


def place_of(endpoint: str, told: Mapping[str, Any], piece: Piece) -> Place | None:
    """Which text of a stream `piece` goes on with; None: it is a tool's name."""
    if piece.channel == "tool" and piece.field in _NAMES:
        return None
    place = tuple(told.get(name) for name in ("index", "output_index", "content_index"))
    if endpoint != "chat" or piece.channel != "tool":
        return place
    deltas = [each.get("delta") for each in _dicts(told.get("choices"))]
    calls = [call for each in deltas if isinstance(each, dict) for call in _dicts(each.get("tool_calls"))]
    return (*place, *(call.get("index") for call in calls if call.get("function") is piece.holder))


def _dicts(held: object) -> list[dict[str, Any]]:
    return [each for each in held if isinstance(each, dict)] if isinstance(held, list) else []
