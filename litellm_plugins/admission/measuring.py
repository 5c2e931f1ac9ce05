"""How much there is of a request: texts, images, tools, turns. Reads any JSON, however deep, and never raises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_READ = ("messages", "system", "input", "instructions", "prompt")
_SCHEMAS = ("tools", "functions", "response_format", "text")  # their names count, too
_IMAGES = frozenset({"image_url", "image", "input_image"})
_LABELS = frozenset({"role", "type", "id", "tool_call_id", "tool_use_id", "call_id", "cache_control", "detail"})
_ENCODED = frozenset({"data", "file_data", "url", "image_url", "file_url"})  # unless it is said to be text
PER_TURN, PRIMING = 4, 16  # tokens around a text


@dataclass(slots=True)
class Measure:
    """What was found."""

    texts: list[str] = field(default_factory=list)
    token_ids: int = 0  # given as numbers: completions and embeddings take those
    turns: int = 0
    image_bytes: list[int] = field(default_factory=list)  # of each; 0 for one that lies elsewhere
    tools: int = 0

    @property
    def overhead_tokens(self) -> int:
        """What stands around the texts, and the tokens that came as such."""
        return PRIMING + PER_TURN * self.turns + self.token_ids

    @property
    def most_tokens(self) -> int:
        """No tokenizer makes more tokens than bytes."""
        return self.overhead_tokens + sum(byte_count(text) for text in self.texts)


def measure(body: Mapping[str, Any], *, conversation: str) -> Measure:
    """`conversation` is the field with the turns."""
    found = Measure()
    turns = body.get(conversation)
    found.turns = len(turns) if isinstance(turns, list) else 1
    found.tools = sum(len(given) for name in ("tools", "functions") if isinstance(given := body.get(name), list))
    for name in _READ:
        _read(body.get(name), found, names_count=False)
    for name in _SCHEMAS:
        _read(body.get(name), found, names_count=True)
    return found


def byte_count(text: str) -> int:
    """In UTF-8; half a surrogate pair is taken as it would be sent."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def pieces(texts: list[str], *, of_chars: int = 8_000) -> Iterator[str]:
    """The texts in pieces that are quick to count, cut where words begin: that changes no token."""
    for text in texts:
        start = 0
        while start < len(text):
            end = start + of_chars
            cut = text.rfind(" ", start + 1, end) if end < len(text) else -1
            end = cut if cut > start else end
            yield text[start:end]
            start = end


def _read(value: object, found: Measure, *, names_count: bool) -> None:
    left: list[object] = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            found.texts.append(one)
        elif isinstance(one, Mapping):
            left.extend(_parts(one, found, names_count=names_count))
        elif isinstance(one, list):
            left.extend(reversed(one))
        elif isinstance(one, int) and not isinstance(one, bool):
            found.token_ids += 1


def _parts(given: Mapping[Any, Any], found: Measure, *, names_count: bool) -> Iterator[object]:
    kind = given.get("type")
    if not names_count and isinstance(kind, str) and kind in _IMAGES:
        found.image_bytes.append(_image_bytes(given))
        return
    if names_count:
        yield from map(str, given)
        yield from given.values()
        return
    for name, value in given.items():
        if name in _LABELS or (name in _ENCODED and kind != "text"):
            continue
        yield value


def _image_bytes(part: Mapping[Any, Any]) -> int:
    """Decoded; every spelling of an image: `image_url` as text or object, Anthropic's `source`."""
    given = part.get("image_url", part.get("source"))
    if isinstance(given, Mapping):
        given = given.get("data", given.get("url"))
    if not isinstance(given, str) or given[:8].lower().startswith(("http://", "https://")):
        return 0
    encoded = len(given) - (given.find(",") + 1 if given.startswith("data:") else 0)
    return max(0, encoded * 3 // 4 - given[-2:].count("="))
