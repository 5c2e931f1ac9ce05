"""How many tokens an item of a conversation takes, in any of the three shapes. Pure but for the counter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from litellm_plugins.compression.bodies import written
from litellm_plugins.compression.tokens import CountTokens

PER_ITEM = 4  # what frames a message; OpenAI says 3, and 1 where it has a name
# What is no text is taken at a round number: only the provider knows. OpenAI takes 85 to 1,105 for a picture, Anthropic
# up to 1,600, and 1,500 to 3,000 for a page.
IMAGE, FILE = 1_000, 3_000
_IMAGES = frozenset({"image_url", "image", "input_image", "computer_screenshot", "image_generation_call"})
_FILES = frozenset({"file", "input_file", "document", "input_audio", "audio", "video", "video_url"})
_NOT_READ = frozenset({"type", "role", "id", "status", "signature", "encrypted_content", "cache_control"})
_SEALED = "redacted_thinking"  # what only the provider reads


def size_of(item: Mapping[str, Any], count: CountTokens) -> int:
    """Its tokens, as near as can be told."""
    return PER_ITEM + sum(_sizes(item, count))


def _sizes(node: object, count: CountTokens) -> Iterator[int]:
    if isinstance(node, str):
        yield count(node)
    elif isinstance(node, Mapping):
        kind = node.get("type")
        if isinstance(kind, str) and kind in _IMAGES:
            yield IMAGE
        elif isinstance(kind, str) and kind in _FILES:
            yield from _file(node, count)
        elif kind != _SEALED:
            yield from _fields(node, count)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _sizes(value, count)


def _fields(node: Mapping[str, Any], count: CountTokens) -> Iterator[int]:
    for name, value in node.items():
        if name == "input" and isinstance(value, Mapping):  # what a tool is called with
            yield count(written(value))
        elif name not in _NOT_READ:
            yield from _sizes(value, count)


def _file(node: Mapping[str, Any], count: CountTokens) -> Iterator[int]:
    """A document may be a text, or a list of blocks."""
    source = node.get("source")
    kind = source.get("type") if isinstance(source, Mapping) else None
    if isinstance(source, Mapping) and kind in ("text", "content"):
        yield from _sizes(source.get("data" if kind == "text" else "content"), count)
    else:
        yield FILE
