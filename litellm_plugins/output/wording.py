"""Where an instruction and stop sequences go in a request, as each endpoint spells it.

The instruction stands right behind the client's own instructions and before the conversation. There it stays where it
is while a conversation grows, so what the provider has cached of the last turn is the beginning of the next one too;
before the last user turn it would move with every turn, and nothing behind it could ever be read from the cache. What
the client marked for the cache comes before it, and no turn of the conversation is touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from litellm_plugins.settings.output import MOST_STOPS

_INSTRUCTING = ("system", "developer")
_STOPS = {"chat": "stop", "completions": "stop", "messages": "stop_sequences"}  # Responses have none


def briefed(endpoint: str, body: Mapping[str, Any], words: str) -> dict[str, Any]:
    """The fields of `body` to replace so that it says `words`; none where there is no place for them."""
    match endpoint:
        case "chat":
            return _in_chat(body.get("messages"), words)
        case "messages":
            return _in_system(body.get("system"), words)
        case "responses" if not body.get("prompt"):  # a template at the provider may bring instructions of its own
            return _in_instructions(body.get("instructions"), words)
    return {}


def _in_chat(messages: object, words: str) -> dict[str, Any]:
    if not isinstance(messages, list) or not messages:
        return {}
    roles = [each.get("role") if isinstance(each, Mapping) else None for each in messages]
    place = next((number for number, role in enumerate(roles) if role not in _INSTRUCTING), len(roles))
    ours = {"role": roles[place - 1] if place else "system", "content": words}
    return {"messages": [*messages[:place], ours, *messages[place:]]}


def _in_system(system: object, words: str) -> dict[str, Any]:
    if system is None or system in ("", []):
        return {"system": words}
    ours = {"type": "text", "text": words}
    if isinstance(system, str):  # one text is the same to the provider as one block of it
        return {"system": [{"type": "text", "text": system}, ours]}
    return {"system": [*system, ours]} if isinstance(system, list) else {}


def _in_instructions(instructions: object, words: str) -> dict[str, Any]:
    if instructions is None or instructions == "":
        return {"instructions": words}
    return {"instructions": f"{instructions}\n\n{words}"} if isinstance(instructions, str) else {}


def stops_field(endpoint: str) -> str | None:
    """Where the endpoint takes stop sequences; None: nowhere."""
    return _STOPS.get(endpoint)


def stopped(body: Mapping[str, Any], field: str, words: Sequence[str]) -> tuple[str, ...]:
    """Those of `words` that there is room for behind the client's own, if those are as they should be."""
    more, said = body.get("extra_body"), own_stops(body, field)
    if said is None or (isinstance(more, Mapping) and field in more):  # which the host puts over the body's
        return ()
    return tuple(each for each in words if each not in said)[: max(0, MOST_STOPS - len(said))]


def own_stops(body: Mapping[str, Any], field: str) -> list[Any] | None:
    """The client's; None where it says something that is no list of them."""
    said = body.get(field)
    if said is None:
        return []
    if isinstance(said, str):
        return [said]
    return list(said) if isinstance(said, list) else None
