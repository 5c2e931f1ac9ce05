"""Where a request holds the JSON schema of its answer, as each endpoint spells it."""

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


def schema_in(endpoint: str, body: Mapping[str, Any]) -> tuple[tuple[str, ...], Mapping[str, Any]] | None:
    """Where the one schema stands, and itself; None: there is none, or more than one."""
    found = [(path, held) for path in _PLACES.get(endpoint, ()) if (held := _at(body, path)) is not None]
    return found[0] if len(found) == 1 else None


def with_schema(body: Mapping[str, Any], path: tuple[str, ...], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The field of `body` to replace, so that the schema at `path` is another."""
    first, *rest = path
    return {first: _replaced(body[first], rest, schema)}


def is_told_apart(endpoint: str, body: Mapping[str, Any]) -> bool:
    """Whether an answer is one text of which nothing else speaks by its place or its words."""
    more = body.get("extra_body")
    firsts = {path[0] for path in _PLACES.get(endpoint, ())}
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


def _replaced(held: Any, path: list[str], schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    if not path:
        return schema
    return {**held, path[0]: _replaced(held[path[0]], path[1:], schema)}
