"""May this answer be kept? Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litellm_plugins.model import Reason, Reply, Request

_COMPLETE = frozenset({"stop", "tool_calls"})


def why_not_storable(request: Request, reply: Reply) -> Reason | None:
    """None when the answer is complete and stands for the model that was asked."""
    if request.controls.no_store:
        return Reason.NO_STORE
    if reply.model_group != request.model_group:
        # A fallback's answer is a stopgap: it must not go on standing in for the model once that is back.
        return Reason.FALLBACK_ANSWER
    choices = reply.body.get("choices")
    if not isinstance(choices, list) or not choices:
        return Reason.EMPTY_ANSWER
    wanted = request.parameters.get("n")
    if isinstance(wanted, int) and len(choices) < wanted:
        return Reason.INCOMPLETE_ANSWER  # the host puts the choices of a stream together into one
    if not all(isinstance(choice, Mapping) and choice.get("finish_reason") in _COMPLETE for choice in choices):
        return Reason.INCOMPLETE_ANSWER
    if not all(_says_something(choice.get("message")) for choice in choices):
        return Reason.EMPTY_ANSWER
    return None


def has_tool_calls(body: Mapping[str, Any]) -> bool:
    """Whether any choice calls a tool: such answers are served for the same request only, never for a similar one."""
    return any((choice.get("message") or {}).get("tool_calls") for choice in body.get("choices", ()))


def _says_something(message: object) -> bool:
    return isinstance(message, Mapping) and bool(message.get("content") or message.get("tool_calls"))
