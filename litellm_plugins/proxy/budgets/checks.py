"""What cannot be budgeted, and so is refused before it costs anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litellm.proxy._types import ProxyException

_MOST_TAGS = 100  # each may be an account, in the one step that reserves
_PLACES = ("metadata", "litellm_metadata")


def check(data: Mapping[str, Any], endpoint: str) -> None:
    """Raises: ProxyException, 400."""
    model = data.get("model")
    if endpoint == "chat" and isinstance(model, str) and "," in model:
        raise _refusal("Budgets cover one model in a request: ask each model in a request of its own.", "model")
    if max(_tags_in(data.get(place)) for place in _PLACES) > _MOST_TAGS:
        raise _refusal(f"A request may have {_MOST_TAGS} tags at most.", "metadata.tags")


def _tags_in(place: object) -> int:
    tags = place.get("tags") if isinstance(place, Mapping) else None
    return len(tags) if isinstance(tags, list) else 0


def _refusal(message: str, param: str) -> ProxyException:
    kind = "invalid_request_error"
    return ProxyException(message=message, type=kind, param=param, code=400, openai_code=kind)
