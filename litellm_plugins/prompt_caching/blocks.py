"""A request as the blocks of a provider's prompt cache: tools, then system, then messages. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Literal

import orjson

Section = Literal["tools", "system", "messages"]
Ttl = Literal["5m", "1h"]
MAX_MARKS = 4
LOOK_BACK = 20  # blocks that a mark looks back for what was written before, that one included
_SYSTEM_ROLES = frozenset({"system", "developer"})
_UNMARKABLE = frozenset({"thinking", "redacted_thinking", "tool_use", "server_tool_use"})
# What shapes the tools as they are sent (the host makes a tool of a wanted JSON schema), and what the messages' part of
# the cache hangs on: another value, and the provider has nothing of them.
_BEFORE_ALL = ("response_format", "functions", "web_search_options")
_BEFORE_MESSAGES = ("tool_choice", "parallel_tool_calls", "thinking", "reasoning_effort")
_IMAGES = frozenset({"image", "image_url"})
_OF_AN_IMAGE = 1_000  # Anthropic: width x height / 750, at most some 1,600
_LONG_DATA = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/=_-]{2000,}+")  # base64; no sign is looked at twice
_BYTES_A_TOKEN_OF_A_FILE = 40
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
    marks: int = 0  # the client's, with those inside it
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
    chain, tokens, blocks = Chain(data, with_image=any(_is_image(each.body) for each in raws)), 0, []
    for at, raw in enumerate(raws):
        text = _text_of(raw.body)
        chain = chain.then(raw.section, raw.role, text)
        tokens += _tokens_of(raw.body, text, count)
        own = _mark_of(raw.body) or (_mark_of(data) if whole is not None and at == len(raws) - 1 else None)
        inside = _marks_inside(raw.body)
        fit = raw.section == "tools" or isinstance(raw.body.get("type"), str)
        markable = raw.markable and fit and bool(text.strip())
        mark, marks = own or (inside[-1] if inside else None), (own is not None) + len(inside)
        blocks.append(Block(raw.place, raw.section, text, chain.digest, tokens, mark, marks, markable, raw.role))
    return tuple(blocks)


def has_image(endpoint: str, data: Mapping[str, Any]) -> bool:
    """Whether one stands anywhere in it."""
    return any(_is_image(raw.body) for raw in (_chat(data) if endpoint == "chat" else _native(data)))


class Chain:
    """The hash of everything up to a block."""

    def __init__(self, data: Mapping[str, Any], *, with_image: bool) -> None:
        self._hash = hashlib.blake2b(_before(data, _BEFORE_ALL), digest_size=16)
        self._messages: bytes | None = _before(data, _BEFORE_MESSAGES) + str(with_image).encode()

    def then(self, section: Section, role: str, text: str) -> Chain:
        """With one block more."""
        longer = copy(self)
        longer._hash = self._hash.copy()
        if section == "messages" and self._messages is not None:
            longer._hash.update(self._messages)
            longer._messages = None
        longer._hash.update(f"{section}/{role}/{len(text)}/".encode("utf-8", "surrogatepass"))
        longer._hash.update(text.encode("utf-8", "surrogatepass"))
        return longer

    @property
    def digest(self) -> bytes:
        """16 bytes."""
        return self._hash.digest()


def _before(data: Mapping[str, Any], names: Sequence[str]) -> bytes:
    given = [data.get(name) for name in names]
    return _dumped(given) if any(each is not None for each in given) else b""


def _dumped(value: object) -> bytes:
    try:
        return orjson.dumps(value, default=str, option=_JSON)
    except TypeError:  # half of a surrogate pair, which a client left that cut a text; an integer above 64 bits
        return json.dumps(value, default=str).encode()


def _is_image(body: Mapping[str, Any]) -> bool:
    return body.get("type") in _IMAGES


def _marks_inside(body: Mapping[str, Any]) -> list[Ttl]:
    """Parts of a tool's result may bear marks of their own, and each takes one of the four places."""
    content = body.get("content")
    parts = content if isinstance(content, list) and body.get("type") == "tool_result" else ()
    return [mark for part in parts if isinstance(part, Mapping) and (mark := _mark_of(part)) is not None]


def _tokens_of(body: Mapping[str, Any], text: str, count: Callable[[str], int]) -> int:
    """Pictures and files are no text: a provider counts what they show, and that is not known here."""
    if body.get("type") == "text":
        return count(text)
    if _is_image(body):
        return _OF_AN_IMAGE
    return count(_LONG_DATA.sub("", text)) + sum(map(len, _LONG_DATA.findall(text))) // _BYTES_A_TOKEN_OF_A_FILE


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
    content, own = message.get("content"), message.get("cache_control")
    if role in ("tool", "function"):  # one block for the provider, marked as a whole
        yield _Raw(Place("messages", index), section, role, {**message, "type": "tool_result"}, role == "tool")
        return
    for thought in message.get("thinking_blocks") or ():
        if isinstance(thought, Mapping):
            yield _Raw(Place("messages", index), section, role, {"type": "thinking", **thought}, markable=False)
    on_text = {"cache_control": own} if own is not None and isinstance(content, str) else {}  # as the host puts it
    for at, given in enumerate(_parts(content)):
        place, part = Place("messages", index, at if isinstance(content, list) else None), {**given, **on_text}
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
            yield _Raw(Place("tools", index), "tools", "tool", tool, markable=_is_markable(tool))


def _is_markable(tool: Mapping[str, Any]) -> bool:
    """Not those that the provider runs itself, nor those that it loads later."""
    return tool.get("type") in (None, "function", "custom") and not tool.get("defer_loading")


def _parts(content: object) -> Sequence[Mapping[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    # What is nothing a provider takes keeps its place: marks are put by it.
    return [each if isinstance(each, Mapping) else {} for each in content] if isinstance(content, list) else []


def _text_of(body: Mapping[str, Any]) -> str:
    if body.get("type") == "text" and isinstance(body.get("text"), str):
        return str(body["text"])
    bare = {name: value for name, value in body.items() if name != "cache_control"}
    if body.get("type") == "tool_result" and isinstance(body.get("content"), list):  # marks are no part of the prefix
        bare["content"] = [_bare(part) for part in body["content"]]
    return _dumped(bare).decode()


def _bare(part: object) -> object:
    return {name: each for name, each in part.items() if name != "cache_control"} if isinstance(part, Mapping) else part


def _mark_of(holder: Mapping[str, Any]) -> Ttl | None:
    mark = holder.get("cache_control")
    if mark is None and isinstance(holder.get("function"), Mapping):
        mark = holder["function"].get("cache_control")
    if not isinstance(mark, Mapping):
        return None
    return "1h" if mark.get("ttl") == "1h" else "5m"
