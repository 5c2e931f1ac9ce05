"""May this answer be kept? Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from litellm_plugins.cache.answers import text_of
from litellm_plugins.model import Reason, Reply, Request

_COMPLETE = frozenset({"stop", "tool_calls"})
_MESSAGE_COMPLETE = frozenset({"end_turn", "stop_sequence", "tool_use"})
_CALLS = frozenset({"tool_use", "function_call", "custom_tool_call"})
_BLOCKS = _CALLS | {"text", "thinking", "redacted_thinking"}
_ITEMS = _CALLS | {"message", "reasoning"}

_Body = Mapping[str, Any]


def why_not_storable(request: Request, reply: Reply) -> Reason | None:
    """None when the answer is complete and stands for the model that was asked."""
    if request.controls.no_store:
        return Reason.NO_STORE
    if reply.model_group not in (request.model_group, request.routed_to):
        # A fallback's answer is a stopgap: it must not go on standing in for the model once that is back.
        return Reason.FALLBACK_ANSWER
    return _WHY_NOT[request.endpoint](request, reply.body)


def has_tool_calls(body: _Body) -> bool:
    """Whether it calls a tool: such answers are served for the same request only, never for a similar one."""
    if any((choice.get("message") or {}).get("tool_calls") for choice in body.get("choices") or ()):
        return True
    parts = body.get("output") or body.get("content") or ()
    return any(isinstance(part, Mapping) and part.get("type") in _CALLS for part in parts)


def _chat(request: Request, body: _Body) -> Reason | None:
    return _choices(request, body, lambda choice: _says_something(choice.get("message")))


def _completion(request: Request, body: _Body) -> Reason | None:
    prompts: Any = request.messages[0].get("content")
    return _choices(request, body, lambda choice: bool(choice.get("text")), len(prompts) if _several(prompts) else 1)


def _choices(request: Request, body: _Body, says_something: Callable[[_Body], bool], times: int = 1) -> Reason | None:
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        return Reason.EMPTY_ANSWER
    wanted = request.parameters.get("n")
    if len(choices) < times * (wanted if isinstance(wanted, int) else 1):
        return Reason.INCOMPLETE_ANSWER  # the host puts the choices of a stream together into one
    if not all(isinstance(choice, Mapping) and choice.get("finish_reason") in _COMPLETE for choice in choices):
        return Reason.INCOMPLETE_ANSWER
    return None if all(map(says_something, choices)) else Reason.EMPTY_ANSWER


def _message(request: Request, body: _Body) -> Reason | None:
    if body.get("stop_reason") not in _MESSAGE_COMPLETE:
        return Reason.INCOMPLETE_ANSWER
    blocks = body.get("content") or ()
    if not all(isinstance(block, Mapping) and block.get("type") in _BLOCKS for block in blocks):
        return Reason.UNSUPPORTED_CONTENT
    return None if text_of(body) or has_tool_calls(body) else Reason.EMPTY_ANSWER


def _response(request: Request, body: _Body) -> Reason | None:
    if body.get("status") != "completed":
        return Reason.INCOMPLETE_ANSWER
    items = body.get("output") or ()
    if not all(isinstance(item, Mapping) and item.get("type") in _ITEMS and _is_plain(item) for item in items):
        return Reason.UNSUPPORTED_CONTENT
    return None if text_of(body) or has_tool_calls(body) else Reason.EMPTY_ANSWER


def _is_plain(item: _Body) -> bool:
    parts = item.get("content") or () if item["type"] == "message" else ()
    return all(part.get("type") == "output_text" and not part.get("annotations") for part in parts)


def _embedding(request: Request, body: _Body) -> Reason | None:
    asked = request.messages[0].get("content")
    vectors = body.get("data")
    if not isinstance(vectors, list) or len(vectors) != (len(asked) if isinstance(asked, list) else 1):
        return Reason.INCOMPLETE_ANSWER
    return None if all(isinstance(v, Mapping) and v.get("embedding") for v in vectors) else Reason.EMPTY_ANSWER


def _several(prompts: object) -> bool:
    return isinstance(prompts, list) and not all(isinstance(each, int) for each in prompts)


def _says_something(message: object) -> bool:
    return isinstance(message, Mapping) and bool(message.get("content") or message.get("tool_calls"))


_WHY_NOT: Mapping[str, Callable[[Request, _Body], Reason | None]] = {
    "chat": _chat,
    "completions": _completion,
    "messages": _message,
    "responses": _response,
    "embeddings": _embedding,
}
