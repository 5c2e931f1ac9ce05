"""How long an answer of a tier may be: said to the provider where the client says nothing, or more."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

_FIELDS = {
    "chat": ("max_completion_tokens", "max_tokens"),
    "messages": ("max_tokens",),
    "responses": ("max_output_tokens",),
    "completions": ("max_tokens",),
}  # what a client may say it with; the last is what is said for it: the host knows it for every provider


def is_limited(endpoint: str) -> bool:
    """Whether the endpoint's answers have a length that one can say."""
    return endpoint in _FIELDS


def limit(data: MutableMapping[str, Any], endpoint: str, most: int | None) -> int | None:
    """Have `data` ask for no more than `most` tokens; that number where this changed anything."""
    fields = _FIELDS.get(endpoint, ())
    if most is None or not fields or thinks(data.get("thinking")):  # thoughts have a limit below the answer's
        return None
    _as_said(data, fields)
    said = {name: data[name] for name in fields if data.get(name) is not None}
    above = [name for name, value in said.items() if _is_above(value, most)]
    for name in above or ([] if said else fields[-1:]):
        data[name] = most
    return most if above or not said else None


def unlimited(data: MutableMapping[str, Any], endpoint: str, said: Mapping[str, Any]) -> None:
    """Have `data` ask for as many tokens as its client said, if that said anything."""
    for name in _FIELDS.get(endpoint, ()):
        data.pop(name, None)
        if said.get(name) is not None:
            data[name] = said[name]


def _as_said(data: MutableMapping[str, Any], fields: tuple[str, ...]) -> None:
    """Where the host lets one say it past the body, have it stand in the body: else it would be no limit."""
    more, left_out = data.get("extra_body"), data.get("additional_drop_params")
    if isinstance(more, Mapping) and any(name in more for name in fields):
        data.update({name: more[name] for name in fields if name in more})
        data["extra_body"] = {name: value for name, value in more.items() if name not in fields}
    if isinstance(left_out, list) and any(name in left_out for name in fields):
        data["additional_drop_params"] = [name for name in left_out if name not in fields]


def thinks(thinking: object) -> bool:
    """Whether a request's `thinking` asks for thoughts, which have a limit of their own below the answer's."""
    return isinstance(thinking, Mapping) and bool(thinking) and thinking.get("type") != "disabled"


def _is_above(value: object, most: int) -> bool:
    """What is no number the provider will refuse."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value > most
