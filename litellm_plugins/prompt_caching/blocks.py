"""A request as the blocks of a provider's prompt cache: tools, then system, then messages. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

Section = Literal["tools", "system", "messages"]
Ttl = Literal["5m", "1h"]
MAX_MARKS = 4
LOOK_BACK = 20  # blocks that a mark looks back for what was written before, that one included
_SYSTEM_ROLES = frozenset({"system", "developer"})
_UNMARKABLE = frozenset({"thinking", "redacted_thinking", "tool_use", "server_tool_use"})
_JSON = orjson.OPT_NON_STR_KEYS


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block stands in the body: `part` is None where the content is one text (or it is a tool, or a result)."""

    field: str  # of the body: tools, system, messages
    index: int
    part: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """One position of the prefix. `text` is what can change line by line; of a tool, its JSON."""

    place: Place
    section: Section
    text: str
    chain: bytes  # the hash of everything up to it
    tokens: int  # of everything up to it, as estimated
    mark: Ttl | None = None  # the client's
    markable: bool = True
    role: str = ""  # of its message


@dataclass(frozen=True, slots=True)
class _Raw:
    place: Place
    section: Section
    role: str
    body: Mapping[str, Any]
    markable: bool


def blocks_of(endpoint: str, data: Mapping[str, Any], count: Callable[[str], int]) -> tuple[Block, ...]:
    """The blocks of a chat completion or of a message of Anthropic's, in the order in which they are cached."""
    raws = list(_chat(data) if endpoint == "chat" else _native(data))
    whole = data.get("cache_control")  # Anthropic's automatic caching: for the last block, wherever that is
    chain, tokens, blocks = hashlib.blake2b(digest_size=16), 0, []
    for at, raw in enumerate(raws):
        text = _text_of(raw.body)
        chain.update(f"{raw.section}/{raw.role}/{len(text)}/".encode())
        chain.update(text.encode("utf-8", "surrogatepass"))
        tokens += count(text)
        mark = _mark_of(raw.body) or (_mark_of(data) if whole is not None and at == len(raws) - 1 else None)
        fit = raw.section == "tools" or isinstance(raw.body.get("type"), str)
        markable = raw.markable and fit and bool(text.strip())
        blocks.append(Block(raw.place, raw.section, text, chain.digest(), tokens, mark, markable, raw.role))
    return tuple(blocks)


def _chat(data: Mapping[str, Any]) -> Iterator[_Raw]:
    """The host puts every system message first."""
    yield from _tools(data)
    messages = data.get("messages")
    given = [each if isinstance(each, Mapping) else {} for each in messages] if isinstance(messages, list) else []
    for section in ("system", "messages"):
        for index, message in enumerate(given):
            role = str(message.get("role") or "")
            if (role in _SYSTEM_ROLES) == (section == "system"):
                yield from _of_message("system" if section == "system" else "messages", index, role, message)


def _of_message(section: Section, index: int, role: str, message: Mapping[str, Any]) -> Iterator[_Raw]:
    content = message.get("content")
    if role in ("tool", "function"):  # one block for the provider, marked as a whole
        yield _Raw(Place("messages", index), section, role, {**message, "type": "tool_result"}, role == "tool")
        return
    parts = _parts(content)
    for at, part in enumerate(parts):
        place = Place("messages", index, at if isinstance(content, list) else None)
        yield _Raw(place, section, role, part, role != "assistant" and part.get("type") not in _UNMARKABLE)
    for call in message.get("tool_calls") or ():
        if isinstance(call, Mapping):
            yield _Raw(Place("messages", index), section, role, {**call, "type": "tool_use"}, markable=False)


def _native(data: Mapping[str, Any]) -> Iterator[_Raw]:
    yield from _tools(data)
    system = data.get("system")
    for at, part in enumerate(_parts(system)):
        yield _Raw(Place("system", at, at if isinstance(system, list) else None), "system", "system", part, True)
    messages = data.get("messages")
    for index, message in enumerate(messages if isinstance(messages, list) else ()):
        if isinstance(message, Mapping):
            role, content = str(message.get("role") or ""), message.get("content")
            for at, part in enumerate(_parts(content)):
                place = Place("messages", index, at if isinstance(content, list) else None)
                markable = role == "user" and part.get("type") not in _UNMARKABLE
                yield _Raw(place, "messages", role, part, markable)


def _tools(data: Mapping[str, Any]) -> Iterator[_Raw]:
    tools = data.get("tools")
    for index, tool in enumerate(tools if isinstance(tools, list) else ()):
        if isinstance(tool, Mapping):
            yield _Raw(Place("tools", index), "tools", "tool", tool, markable=tool.get("type") in (None, "function"))


def _parts(content: object) -> Sequence[Mapping[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    # What is nothing a provider takes keeps its place: marks are put by it.
    return [each if isinstance(each, Mapping) else {} for each in content] if isinstance(content, list) else []


def _text_of(body: Mapping[str, Any]) -> str:
    if body.get("type") == "text" and isinstance(body.get("text"), str):
        return str(body["text"])
    bare = {name: value for name, value in body.items() if name != "cache_control"}
    return orjson.dumps(bare, default=str, option=_JSON).decode()


def _mark_of(holder: Mapping[str, Any]) -> Ttl | None:
    mark = holder.get("cache_control")
    if mark is None and isinstance(holder.get("function"), Mapping):
        mark = holder["function"].get("cache_control")
    if not isinstance(mark, Mapping):
        return None
    return "1h" if mark.get("ttl") == "1h" else "5m"
