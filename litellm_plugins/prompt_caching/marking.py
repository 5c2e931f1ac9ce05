"""Writing marks into a request: what is marked is replaced, nothing else changes, and nothing changes in place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from litellm_plugins.prompt_caching.blocks import Place, Ttl


def marked(data: Mapping[str, Any], marks: Mapping[Place, Ttl]) -> dict[str, Any]:
    """The fields of the body that change, with the marks in them."""
    changed: dict[str, Any] = {}
    for place, ttl in marks.items():
        given = changed.get(place.field, data[place.field])
        control = {"type": "ephemeral"} if ttl == "5m" else {"type": "ephemeral", "ttl": ttl}
        changed[place.field] = _with_mark(place, given, control)
    return changed


def unmarked(data: Mapping[str, Any], places: Iterable[Place]) -> dict[str, Any]:
    """The fields of the body that change, without the marks that were put at `places`."""
    changed: dict[str, Any] = {}
    for place in places:
        items = list(changed.get(place.field, data[place.field]))
        item = items[place.index]
        if place.field == "messages" and isinstance(item.get("content"), list) and "cache_control" not in item:
            parts = list(item["content"])
            at = place.part or 0
            parts[at] = _bare(parts[at])
            alone = place.part is None and len(parts) == 1  # it was a text
            items[place.index] = {**item, "content": parts[0]["text"] if alone else parts}
        else:
            items[place.index] = _bare(item)
        was_text = place.field == "system" and place.part is None
        changed[place.field] = items[0]["text"] if was_text else items
    return changed


def _bare(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != "cache_control"}


def _with_mark(place: Place, given: str | list[Any], control: Mapping[str, str]) -> list[Any]:
    if isinstance(given, str):  # Anthropic's system, as one text
        return [{"type": "text", "text": given, "cache_control": dict(control)}]
    items = list(given)
    item = items[place.index]
    if place.field in ("tools", "system") or (place.part is None and item.get("role") == "tool"):
        items[place.index] = {**item, "cache_control": dict(control)}
        return items
    content = item["content"]
    if isinstance(content, str):
        parts: list[Any] = [{"type": "text", "text": content}]
    else:
        parts = list(content)
    at = place.part or 0
    parts[at] = {**parts[at], "cache_control": dict(control)}
    items[place.index] = {**item, "content": parts}
    return items
