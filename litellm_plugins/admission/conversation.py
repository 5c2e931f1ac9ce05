"""Whether a request holds a conversation that its endpoint understands, and whether that says anything. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from litellm_plugins.admission.faults import Fault
from litellm_plugins.model import RefusalReason

# The field with the conversation, and those that may stand instead: the provider has it already.
CONVERSATIONS: Mapping[str, str] = {
    "chat": "messages",
    "messages": "messages",
    "responses": "input",
    "completions": "prompt",
    "embeddings": "input",
}
_INSTEAD = ("prompt", "previous_response_id", "conversation")
_SAYS_MORE = ("tool_calls", "function_call", "audio")  # fields of a message that say something without a text
_TEXTS = frozenset({"text", "input_text", "output_text"})


def fault_of(body: Mapping[str, Any], endpoint: str, *, allow_empty: bool) -> Fault | None:
    """The first one, if any."""
    return _of_tools(body) or _of_conversation(body, endpoint, allow_empty=allow_empty)


def _of_tools(body: Mapping[str, Any]) -> Fault | None:
    for name in ("tools", "functions"):
        given = body.get(name)
        if given is not None and not isinstance(given, list):
            return _malformed(name, "must be a list")
        for number, each in enumerate(given or ()):
            if not isinstance(each, Mapping):
                return _malformed(f"{name}[{number}]", "must be an object")
    return None


def _of_conversation(body: Mapping[str, Any], endpoint: str, *, allow_empty: bool) -> Fault | None:
    name = CONVERSATIONS[endpoint]
    given = body.get(name)
    said_before = endpoint == "responses" and any(body.get(each) for each in _INSTEAD)
    if given is None:
        return None if said_before else Fault(RefusalReason.MISSING_FIELD, name, f"{name}: is required")
    if endpoint in ("chat", "messages") or (endpoint == "responses" and not isinstance(given, str)):
        return _of_turns(given, name, endpoint, allow_empty=allow_empty)
    return _of_prompts(given, name, allow_empty=allow_empty or said_before)


def _of_turns(turns: object, name: str, endpoint: str, *, allow_empty: bool) -> Fault | None:
    if not isinstance(turns, list):
        return _malformed(name, "must be a list of messages")
    for number, turn in enumerate(turns):
        if fault := _of_turn(turn, f"{name}[{number}]", endpoint):
            return fault
    if allow_empty:
        return None
    if not any(map(_says_something, turns)):
        return Fault(RefusalReason.EMPTY_CONVERSATION, name, f"{name}: no message says anything")
    last = next((i for i in reversed(range(len(turns))) if turns[i].get("role") == "user"), None)
    if last is not None and not _says_something(turns[last]):
        where = f"{name}[{last}].content"
        return Fault(RefusalReason.EMPTY_MESSAGE, where, f"{where}: the last message of the user is empty")
    return None


def _of_turn(turn: object, where: str, endpoint: str) -> Fault | None:
    if not isinstance(turn, Mapping):
        return _malformed(where, "must be an object")
    if endpoint == "responses" and "role" not in turn:  # an item of another kind: the result of a tool, for one
        return None if isinstance(turn.get("type"), str) else _malformed(f"{where}.type", "must be a string")
    if not isinstance(turn.get("role"), str) or not turn["role"]:
        return _malformed(f"{where}.role", "must be a string, such as user")
    content = turn.get("content")
    if content is None or isinstance(content, str):
        return None
    if not isinstance(content, list):
        return _malformed(f"{where}.content", "must be a string or a list of parts")
    for number, part in enumerate(content):
        if fault := _of_part(part, f"{where}.content[{number}]"):
            return fault
    return None


def _of_part(part: object, where: str) -> Fault | None:
    if not isinstance(part, Mapping):
        return _malformed(where, "must be an object")
    if not isinstance(part.get("type"), str):
        return _malformed(f"{where}.type", "must be a string, such as text")
    if part["type"] in _TEXTS and not isinstance(part.get("text"), str):
        return _malformed(f"{where}.text", "must be a string")
    return None


def _of_prompts(given: object, name: str, *, allow_empty: bool) -> Fault | None:
    if isinstance(given, str):
        empty = not given.strip()
        return _empty(name) if empty and not allow_empty else None
    if not isinstance(given, list):
        return _malformed(name, "must be a string or a list")
    if not given:
        return None if allow_empty else _empty(name)
    if _are_tokens(given):
        return None
    for number, each in enumerate(given):
        where = f"{name}[{number}]"
        if not isinstance(each, str) and not (isinstance(each, list) and _are_tokens(each)):
            return _malformed(where, "must be a string or a list of token numbers, as must be all of them")
        if not allow_empty and (not each or (isinstance(each, str) and not each.strip())):
            return _empty(where)
    return None


def _are_tokens(given: Sequence[object]) -> bool:
    return all(isinstance(each, int) and not isinstance(each, bool) for each in given)


def _says_something(turn: Mapping[str, Any]) -> bool:
    if any(turn.get(name) for name in _SAYS_MORE):
        return True
    content = turn.get("content")
    if isinstance(content, list):
        return any(_part_says_something(part) for part in content)
    if isinstance(content, str):
        return bool(content.strip())
    return "role" not in turn  # the Responses API's other items


def _part_says_something(part: Mapping[str, Any]) -> bool:
    return part["type"] not in _TEXTS or bool(part["text"].strip())


def _malformed(where: str, must: str) -> Fault:
    return Fault(RefusalReason.MALFORMED, where, f"{where}: {must}")


def _empty(where: str) -> Fault:
    return Fault(RefusalReason.EMPTY_CONVERSATION, where, f"{where}: is empty")
