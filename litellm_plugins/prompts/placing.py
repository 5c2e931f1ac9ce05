"""Where the sections of a prompt stand in a request, as each endpoint spells it. Lists are replaced, never written to.

Each section is a message, or a block, of its own: at every one of their borders a provider's prompt cache can end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litellm_plugins.settings.prompts import Place

ENDPOINTS = ("chat", "messages", "responses")
_INSTRUCTING = ("system", "developer")
_FIELDS = {"chat": ("messages",), "messages": ("system",), "responses": ("instructions", "input")}
_BETWEEN = "\n\n"


class Unplaceable(ValueError):
    """The request leaves no place for a system prompt; says why."""


def fields_of(endpoint: str) -> tuple[str, ...]:
    """The fields of a body that may be replaced."""
    return _FIELDS.get(endpoint, ())


def placed(endpoint: str, body: Mapping[str, Any], texts: Sequence[str], place: Place) -> dict[str, Any]:
    """The fields of `body` to replace so that it says `texts`. Raises: Unplaceable."""
    more = body.get("extra_body")
    if isinstance(more, Mapping) and (said := [name for name in fields_of(endpoint) if name in more]):
        raise Unplaceable(f"extra_body.{said[0]} would take its place")  # the host puts it over the body's
    if not texts:
        return {}
    if endpoint == "chat":
        return {"messages": _in_chat(body.get("messages"), texts, place)}
    if endpoint == "messages":
        return {"system": _in_system(body.get("system"), texts, place)}
    return _in_response(body, texts, place)


def replaced(
    endpoint: str, body: Mapping[str, Any], old: Sequence[str], new: Sequence[str], place: Place
) -> dict[str, Any]:
    """The fields of `body`, which says `old`, so that it says `new` there. Raises: Unplaceable."""
    if not old:
        return placed(endpoint, body, new, "before" if place == "replace" else place)
    if endpoint == "responses":
        said, whole = body.get("instructions"), _BETWEEN.join(old)
        if not isinstance(said, str) or whole not in said:
            raise Unplaceable("the sections are no longer there")
        return {"instructions": said.replace(whole, _BETWEEN.join(new), 1)}
    field = fields_of(endpoint)[0]
    held = body.get(field)
    at = found(held, old)
    if at is None or not isinstance(held, list):
        raise Unplaceable("the sections are no longer there")
    kept = {_text_of(each): each for each in held[at : at + len(old)]}
    like = held[at]
    return {field: [*held[:at], *(kept.get(text) or _spelt(like, text) for text in new), *held[at + len(old) :]]}


def found(held: object, texts: Sequence[str]) -> int | None:
    """Where in a list of messages or blocks these texts stand, one after the other."""
    said = [_text_of(each) for each in held] if isinstance(held, list) else []
    wanted = list(texts)
    places = range(len(said) - len(wanted) + 1)
    return next((at for at in places if said[at : at + len(wanted)] == wanted), None)


def _in_chat(messages: object, texts: Sequence[str], place: Place) -> list[Any]:
    if not isinstance(messages, list):
        raise Unplaceable("messages is no list")
    roles = [each.get("role") if isinstance(each, Mapping) else None for each in messages]
    role = next((each for each in roles if each in _INSTRUCTING), "system")
    ours = [{"role": role, "content": text} for text in texts]
    if place == "replace":
        return [*ours, *_without_instructions(messages)]
    first = next((at for at, each in enumerate(roles) if each not in _INSTRUCTING), len(roles))
    at = 0 if place == "before" else first
    return [*messages[:at], *ours, *messages[at:]]


def _in_system(system: object, texts: Sequence[str], place: Place) -> list[Any]:
    ours = [{"type": "text", "text": text} for text in texts]
    if place == "replace" or system is None or system in ("", []):
        return ours
    if isinstance(system, str):  # one text is the same to the provider as one block of it
        system = [{"type": "text", "text": system}]
    if not isinstance(system, list):
        raise Unplaceable("system is neither a text nor a list of blocks")
    return [*ours, *system] if place == "before" else [*system, *ours]


def _in_response(body: Mapping[str, Any], texts: Sequence[str], place: Place) -> dict[str, Any]:
    if body.get("prompt"):
        raise Unplaceable("a prompt template at the provider brings instructions of its own")
    ours, said, asked = _BETWEEN.join(texts), body.get("instructions"), body.get("input")
    if place == "replace":
        fields: dict[str, Any] = {"input": _without_instructions(asked)} if isinstance(asked, list) else {}
        return {**fields, "instructions": ours}
    if said is None or said == "":
        return {"instructions": ours}
    if not isinstance(said, str):
        raise Unplaceable("instructions is no text")
    return {"instructions": _BETWEEN.join((ours, said) if place == "before" else (said, ours))}


def _without_instructions(messages: list[Any]) -> list[Any]:
    return [each for each in messages if not (isinstance(each, Mapping) and each.get("role") in _INSTRUCTING)]


def _text_of(held: object) -> str | None:
    """Of a message or block that is one text, marked for a cache or not."""
    said = held if isinstance(held, Mapping) else {}
    content = said.get("text", said.get("content"))
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], Mapping):
        content = content[0].get("text")
    return content if isinstance(content, str) else None


def _spelt(like: Mapping[str, Any], text: str) -> dict[str, Any]:
    return {"role": like["role"], "content": text} if "role" in like else {"type": "text", "text": text}
