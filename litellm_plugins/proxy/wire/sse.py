"""Server-sent events, written and read; and a text cut as a stream would bring it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

DONE = b"data: [DONE]\n\n"
_DATA = b"data:"
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_PIECE = re.compile(r"\s*\S+\s*", re.DOTALL)
_WORDS_PER_CHUNK = 8


def event(data: Mapping[str, Any], name: str | None = None) -> bytes:
    """One event on the wire."""
    head = b"" if name is None else b"event: " + name.encode() + b"\n"
    return head + _DATA + b" " + orjson.dumps(data) + b"\n\n"


def whole_events(raw: bytes) -> tuple[list[bytes], bytes]:
    """The events that are whole in `raw`, each with the empty line that ends it, and the rest.

    Of providers whose own bytes are passed on some end their lines with a carriage return, too.
    """
    if b"\r" not in raw:  # much faster, of events that are long
        *whole, rest = raw.split(b"\n\n")
        return [each + b"\n\n" for each in whole], rest
    ends = [found.end() for found in _EMPTY_LINE.finditer(raw)]
    starts = [0, *ends]
    return [raw[start:end] for start, end in zip(starts, ends, strict=False)], raw[starts[-1] :]


def events_in(raw: bytes) -> list[dict[str, Any]]:
    """The JSON objects of all events in `raw`. Raises: ValueError."""
    data = (line.removeprefix(_DATA).strip() for line in raw.splitlines() if line.startswith(_DATA))
    parsed = [orjson.loads(each) for each in data if each and each != b"[DONE]"]
    return [each for each in parsed if isinstance(each, dict)]


def pieces(text: str) -> Iterator[str]:
    """`text` in parts of some words each; together they are it, byte for byte."""
    words = _PIECE.findall(text)
    if not words:  # nothing but white space
        yield text
        return
    for start in range(0, len(words), _WORDS_PER_CHUNK):
        yield "".join(words[start : start + _WORDS_PER_CHUNK])
