"""A request of Anthropic's Messages API as the blocks of a prompt cache: tools, then system, then messages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import orjson

from litellm_plugins.simulator.anthropic_fields import refused
from litellm_plugins.simulator.prompt_cache import MAX_MARKS, Block, Ttl
from litellm_plugins.simulator.tokens import Tokenizer

Json = dict[str, Any]
_UNMARKABLE = frozenset({"thinking", "redacted_thinking"})
_NOT_TEXT = frozenset({"type", "cache_control", "source", "citations"})


def blocks_of(body: Json, tokenizer: Tokenizer, total: int) -> list[Block]:
    """In the order in which they are cached; no prefix counts more tokens than the whole prompt, which are `total`.

    Raises:
        RequestError: Anthropic would refuse the marks.
    """
    places = list(_places(body))
    marks = [_mark_of(block, at) for at, _, block in places]
    automatic = _mark_of(body, "cache_control") if body.get("cache_control") is not None else None
    if automatic is not None and marks and marks[-1] is None:  # for the last block, wherever that is by then
        marks[-1] = automatic
    inside = [_mark_of(part, at) for at, _, block in places for part in _parts_inside(block)]
    _refuse_marks(marks, inside=sum(mark is not None for mark in inside))
    chain, tokens, blocks = hashlib.sha256(), 0, []
    for (_, context, block), mark in zip(places, marks, strict=True):
        chain.update(context)
        chain.update(orjson.dumps(_unmarked(block)))
        tokens += tokenizer.count(_text_of(block))
        blocks.append(Block(chain.digest(), min(tokens, total), mark))
    return blocks


def _parts_inside(block: Json) -> list[Json]:
    """A tool's result has blocks of its own, whose marks count."""
    return _as_blocks(block.get("content")) if block.get("type") == "tool_result" else []


def _unmarked(block: Json) -> Json:
    bare = {name: value for name, value in block.items() if name != "cache_control"}
    if isinstance(bare.get("content"), list):
        bare["content"] = [_unmarked(each) if isinstance(each, dict) else each for each in bare["content"]]
    return bare


def _places(body: Json) -> Iterator[tuple[str, bytes, Json]]:
    """Each block, where it stands, and what counts before it."""
    for index, tool in enumerate(body.get("tools") or []):
        yield f"tools.{index}", b"tool", tool
    for index, block in enumerate(_as_blocks(body.get("system"))):
        yield f"system.{index}", b"system", block
    # A change of these leaves what was cached of tools and system, and nothing of the messages.
    apart = orjson.dumps([body.get("tool_choice"), body.get("thinking"), _has_image(body)])
    for index, message in enumerate(body.get("messages") or []):
        role = str(message.get("role")).encode()
        for place, block in enumerate(_as_blocks(message.get("content"))):
            begun = b"|" + role if place == 0 else b"," + role
            yield f"messages.{index}.content.{place}", apart + begun, block
            apart = b""


def _as_blocks(content: object) -> list[Json]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [each for each in content if isinstance(each, dict)] if isinstance(content, list) else []


def _has_image(body: Json) -> bool:
    contents = (_as_blocks(message.get("content")) for message in body.get("messages") or [])
    return any(block.get("type") == "image" for blocks in contents for block in blocks)


def _text_of(block: Json) -> str:
    if block.get("type") == "text":
        return str(block.get("text") or "")
    return orjson.dumps({name: value for name, value in block.items() if name not in _NOT_TEXT}).decode()


def _mark_of(holder: Json, at: str) -> Ttl | None:
    mark = holder.get("cache_control")
    if mark is None:
        return None
    if not isinstance(mark, dict) or mark.get("type") != "ephemeral":
        raise refused(f"{at}.cache_control", "Input tag does not match any of the expected tags: 'ephemeral'")
    if holder.get("type") in _UNMARKABLE:
        raise refused(f"{at}.cache_control", f"cache_control cannot be set for {holder['type']} blocks")
    if holder.get("type") == "text" and not holder.get("text"):
        raise refused(f"{at}.cache_control", "cache_control cannot be set for empty text blocks")
    ttl = mark.get("ttl", "5m")
    if ttl not in ("5m", "1h"):
        raise refused(f"{at}.cache_control.ephemeral.ttl", "Input should be '5m' or '1h'")
    return "1h" if ttl == "1h" else "5m"


def _refuse_marks(marks: list[Ttl | None], *, inside: int) -> None:
    found = [mark for mark in marks if mark is not None]
    if len(found) + inside > MAX_MARKS:
        raise refused("cache_control", f"A maximum of {MAX_MARKS} blocks with cache_control may be provided. "
                      f"Found {len(found) + inside}.")  # fmt: skip
    if "5m" in found and "1h" in found[found.index("5m") :]:
        raise refused("cache_control", "a ttl='1h' cache_control block must not come after a ttl='5m' one")
