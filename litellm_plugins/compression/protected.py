"""Which parts of a request may be compressed at all, in OpenAI's form or Anthropic's. Reads, never changes.

Only what users gave to read may be: documents, long earlier turns. What a turn asks stays, and it is found by the
turn's text alone, so that a turn is cut the same way in every later request and the provider's prefix stays stable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from litellm_plugins.compression.question import asks

Path = tuple[str | int, ...]
_LEAST = 200  # characters between two questions that are worth a look


class Why(StrEnum):
    """Why a part stays as it is."""

    SYSTEM = "system"  # instructions, of the system or the developer
    CACHED = "cached"  # before the last mark for the provider's prompt cache
    ASSISTANT = "assistant"  # what the model said: also shows it how to say the next thing
    TOOL = "tool"  # a call, or its result
    QUESTION = "question"  # what a user's turn asks
    NOT_TEXT = "not_text"  # images, audio, files, documents with citations, shapes that we do not know


@dataclass(frozen=True, slots=True)
class Part:
    """Characters `start` to `end` of the string at `path`, from the request's top."""

    path: Path
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A message, or a part of one, that stays as it is."""

    path: Path
    why: Why


@dataclass(frozen=True, slots=True)
class Touchable:
    """What may be changed, in the order of the request, and what may not."""

    parts: tuple[Part, ...]
    kept: tuple[Kept, ...]
    tools: bool  # whether tool definitions may be written more tightly


def touchable(request: Mapping[str, Any], *, system: bool = False) -> Touchable:
    """What of `request` may be compressed.

    Args:
        request: The body: `messages`, and where there are, `system`, `tools`, cache marks at any place a provider or
            the host (`cache_control_injection_points`) takes them.
        system: Whether instructions may be touched as well; they are touched as a whole then.
    """
    messages = request.get("messages")
    messages = messages if isinstance(messages, list | tuple) else ()
    cached = cached_until(request, messages)  # messages up to here; -1: not even `system`; -2: not even tools
    parts: list[Part] = []
    kept: list[Kept] = []
    top = request.get("system")
    if top:
        _read(top, ("system",), Why.CACHED if cached >= -1 else None if system else Why.SYSTEM, parts, kept, whole=True)
    for at, message in enumerate(messages):
        path: Path = ("messages", at)
        if not isinstance(message, Mapping):
            kept.append(Kept(path, Why.NOT_TEXT))
            continue
        instructs = message.get("role") in ("system", "developer")
        why = Why.CACHED if at <= cached else _why(message, system=system)
        _read(message.get("content"), (*path, "content"), why, parts, kept, whole=instructs)
    return Touchable(tuple(parts), tuple(kept), tools=cached < -2)


def _why(message: Mapping[str, Any], *, system: bool) -> Why | None:
    role = message.get("role")
    if role in ("system", "developer"):
        return None if system else Why.SYSTEM
    if role in ("tool", "function"):
        return Why.TOOL
    if role == "assistant":
        return Why.ASSISTANT
    return None if role == "user" else Why.NOT_TEXT


def _read(content: object, path: Path, why: Why | None, parts: list[Part], kept: list[Kept], *, whole: bool) -> None:
    """One message's content: a string, or blocks."""
    if isinstance(content, str) and why is None:
        _text(content, path, parts, kept, whole=whole)
    elif isinstance(content, list | tuple) and why is None:
        for at, block in enumerate(content):
            below = (*path, at)
            if not isinstance(block, Mapping):
                kept.append(Kept(below, Why.NOT_TEXT))
            elif block.get("type") in ("text", "input_text") and isinstance(block.get("text"), str):
                _text(block["text"], (*below, "text"), parts, kept, whole=whole)
            else:
                kept.append(Kept(below, Why.TOOL if "tool" in str(block.get("type")) else Why.NOT_TEXT))
    else:
        kept.append(Kept(path, why or Why.NOT_TEXT))


def _text(text: str, path: Path, parts: list[Part], kept: list[Kept], *, whole: bool) -> None:
    spans = [] if whole else asks(text)
    if spans:
        kept.append(Kept(path, Why.QUESTION))
    at = 0
    for start, end in [*spans, (len(text), len(text))]:
        if start - at >= _LEAST or (whole and start > at):
            parts.append(Part(path, at, start))
        at = end


def cached_until(request: Mapping[str, Any], messages: Sequence[Any]) -> int:
    """The last message that lies before a cache mark; -1 where it is `system`, -2 the tools, -3 nothing.

    Providers read tools, then the system prompt, then messages: a mark covers all that comes before it.
    """
    if _is_mark(request):  # Anthropic's automatic caching: the mark goes to the last block
        return len(messages) - 1
    last = max((at for at, message in enumerate(messages) if _has_mark(message)), default=-3)
    points = request.get("cache_control_injection_points")
    if isinstance(points, list | tuple):
        for point in points:
            last = max(last, *_injected(point, messages))
            if isinstance(point, Mapping) and point.get("role") == "system" and request.get("system"):
                last = max(last, -1)
    if last < -1 and _has_mark(request.get("system")):
        last = -1
    if last < -2 and _has_mark(request.get("tools")):
        last = -2
    return last


def _injected(point: object, messages: Sequence[Any]) -> Iterator[int]:
    """Messages that the host will mark by its `cache_control_injection_points`."""
    yield -3
    if not isinstance(point, Mapping) or point.get("location", "message") != "message":
        if isinstance(point, Mapping):
            yield -2  # tools
        return
    index = point.get("index")
    if isinstance(index, str) and index.lstrip("-").isdigit():
        index = int(index)
    if isinstance(index, int):
        yield index + len(messages) if index < 0 else min(index, len(messages) - 1)
        return
    for at, message in enumerate(messages):
        if isinstance(message, Mapping) and message.get("role") == point.get("role"):
            yield at


def _has_mark(node: object, depth: int = 0) -> bool:
    """Whether a mark stands anywhere in it: on a message, a block, a block within a tool's result, a tool."""
    if depth > 6:
        return False
    if isinstance(node, Mapping):
        if _is_mark(node):
            return True
        return any(_has_mark(node.get(key), depth + 1) for key in ("content", "function"))
    if isinstance(node, list | tuple):
        return any(_has_mark(child, depth + 1) for child in node)
    return False


def _is_mark(node: Mapping[str, Any]) -> bool:
    return any(node.get(key) for key in ("cache_control", "cachePoint", "cache_point"))
