"""What an answer says, whichever endpoint's it is, whole or as far as its stream has come. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from litellm_plugins.routing.checks import Answer

_CALLS = frozenset({"tool_use", "server_tool_use", "function_call", "custom_tool_call", "mcp_call"})
_ENDINGS = {
    "stop": "stop", "end_turn": "stop", "stop_sequence": "stop", "completed": "stop", "pause_turn": "stop",
    "length": "length", "max_tokens": "length", "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "content_filter": "refused", "refusal": "refused",
    "tool_calls": "calls", "tool_use": "calls", "function_call": "calls",
}  # fmt: skip
_BROKEN = frozenset({"error", "response.failed"})


def said(body: Mapping[str, Any]) -> Answer:
    """Of a whole answer, not streamed."""
    if isinstance(body.get("choices"), list):
        return _of_choice(_mapping(next(iter(body["choices"]), {})))
    if "output" in body:
        return _of_response(body)
    blocks = [_mapping(block) for block in body.get("content") or ()]
    text = "".join(str(block.get("text") or "") for block in blocks if block.get("type") == "text")
    calls = any(block.get("type") in _CALLS for block in blocks)
    return Answer(text, _ending(body.get("stop_reason"), calls=calls), calls)


def said_so_far(events: Iterable[Mapping[str, Any]]) -> Answer:
    """Of a stream. Its ending is empty as long as nobody has told it."""
    text, calls, ending, refused, broken = [], False, "", False, False
    for each in events:
        kind = each.get("type")
        if "error" in each or kind in _BROKEN:
            broken = True
        for choice in map(_mapping, each.get("choices") or ()):
            if choice.get("index", 0):
                continue
            delta = _mapping(choice.get("delta"))
            text.append(str(delta.get("content") or choice.get("text") or ""))
            refused = refused or bool(delta.get("refusal"))
            calls = calls or bool(delta.get("tool_calls") or delta.get("function_call"))
            ending = _ENDINGS.get(str(choice.get("finish_reason")), ending)
        if kind == "content_block_start":
            calls = calls or _mapping(each.get("content_block")).get("type") in _CALLS
        elif kind == "content_block_delta":
            text.append(str(_mapping(each.get("delta")).get("text") or ""))
        elif kind == "message_delta":
            ending = _ENDINGS.get(str(_mapping(each.get("delta")).get("stop_reason")), ending)
        elif kind == "response.output_text.delta":
            text.append(str(each.get("delta") or ""))
        elif kind == "response.refusal.delta":
            refused = True
        elif kind in ("response.completed", "response.incomplete"):
            return _of_response(_mapping(each.get("response")))
    ending = "refused" if refused and ending else ending
    return Answer("".join(text), "" if broken else ending, calls)


def _of_choice(choice: Mapping[str, Any]) -> Answer:
    message = _mapping(choice.get("message"))
    calls = bool(message.get("tool_calls") or message.get("function_call"))
    ending = "refused" if message.get("refusal") else _ending(choice.get("finish_reason"), calls=calls)
    return Answer(str(message.get("content") or choice.get("text") or ""), ending, calls)


def _of_response(body: Mapping[str, Any]) -> Answer:
    items = [_mapping(item) for item in body.get("output") or ()]
    parts = [_mapping(part) for item in items for part in (item.get("content") or ()) if item.get("type") == "message"]
    text = "".join(str(part.get("text") or "") for part in parts)
    calls = any(item.get("type") in _CALLS for item in items)
    if any(part.get("type") == "refusal" for part in parts):
        return Answer(text, "refused", calls)
    cut = _mapping(body.get("incomplete_details")).get("reason")
    return Answer(text, _ending(cut or body.get("status"), calls=calls), calls)


def _ending(told: object, *, calls: bool) -> str:
    """A whole answer that tells none of those that are known has ended as it should."""
    return _ENDINGS.get(str(told), "calls" if calls else "stop")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
