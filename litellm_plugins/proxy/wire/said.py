"""What an answer says, whichever endpoint's it is, whole or as far as its stream has come. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from litellm_plugins.routing.checks import Answer

_CALLS = frozenset(
    {
        *("tool_use", "server_tool_use", "mcp_tool_use", "function_call", "custom_tool_call", "mcp_call"),
        *("mcp_approval_request", "computer_call", "local_shell_call", "shell_call", "apply_patch_call"),
        "image_generation_call",  # what it brings is the answer
    }
)
_ENDINGS = {
    "stop": "stop", "end_turn": "stop", "stop_sequence": "stop", "completed": "stop", "pause_turn": "stop",
    "length": "length", "max_tokens": "length", "max_output_tokens": "length",
    "model_context_window_exceeded": "length",
    "content_filter": "refused", "refusal": "refused",
    "tool_calls": "calls", "tool_use": "calls", "function_call": "calls",
}  # fmt: skip
_NO_TEXTS = ("tool_calls", "function_call", "audio", "images")  # a chat answer that holds one says enough without words
_BROKEN = frozenset({"error", "response.failed"})
_LAST = frozenset({"response.completed", "response.incomplete"})


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
    parts: list[Answer] = []
    for each in events:
        if each.get("type") in _LAST:
            return _of_response(_mapping(each.get("response")))
        parts.append(_part(each))
    endings = [part.ending for part in parts if part.ending]
    ending = next((each for each in ("broken", "refused") if each in endings), endings[-1] if endings else "")
    text = "".join(part.text for part in parts)
    return Answer(text, "" if ending == "broken" else ending, any(part.calls for part in parts))


def _part(event: Mapping[str, Any]) -> Answer:
    """What one event adds."""
    kind, delta = event.get("type"), event.get("delta")
    if "error" in event or kind in _BROKEN:
        return Answer(ending="broken")
    if kind == "content_block_start":
        return Answer(ending="", calls=_mapping(event.get("content_block")).get("type") in _CALLS)
    if kind == "content_block_delta":
        return Answer(str(_mapping(delta).get("text") or ""), "")
    if kind == "message_delta":
        return Answer(ending=_ENDINGS.get(str(_mapping(delta).get("stop_reason")), ""))
    if kind == "response.output_text.delta":
        return Answer(str(delta or ""), "")
    if kind == "response.refusal.delta":
        return Answer(ending="refused")
    return _of_chunk(next((each for each in map(_mapping, event.get("choices") or ()) if not each.get("index")), {}))


def _of_chunk(choice: Mapping[str, Any]) -> Answer:
    delta = _mapping(choice.get("delta"))
    ending = "refused" if delta.get("refusal") else _ENDINGS.get(str(choice.get("finish_reason")), "")
    calls = any(delta.get(name) for name in _NO_TEXTS)
    return Answer(str(delta.get("content") or choice.get("text") or ""), ending, calls)


def _of_choice(choice: Mapping[str, Any]) -> Answer:
    message = _mapping(choice.get("message"))
    calls = any(message.get(name) for name in _NO_TEXTS)
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
