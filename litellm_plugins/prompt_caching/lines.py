"""Which line of a prompt changed, and into what: no text is kept of it, only hashes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import blake2b

_MOST_LINES = 400
_LONG_LINE = 400  # a prompt without line breaks is compared by its sentences
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_SIZE = 8  # bytes of a line's hash
_DIGIT = re.compile(r"\d")
_SHORT = 8  # characters: too little to know a prompt by
_KINDS = (
    ("a timestamp", re.compile(r"\d{1,2}:\d{2}(:\d{2})?|\d{4}-\d{2}-\d{2}T\d|\b1[5-9]\d{8}(\d{3})?\b")),
    (
        "a date",
        re.compile(
            r"\b\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\b|\b\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}\b"
            r"|\b(\d{1,2}\.? )?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d{1,4}\b",
            re.IGNORECASE,
        ),
    ),
    (
        "an id",  # or a word with a letter between two digits: the first of each, so that no long word is read twice
        re.compile(
            r"\b[0-9a-f]{8}-[0-9a-f]{4}-|\b[0-9a-f]{12,}\b|\b[^\W\d]*+\d[^\Wa-z]*+[a-z][^\W\d]*+\d", re.IGNORECASE
        ),
    ),
    ("a number", re.compile(r"\d")),
)


def line_hashes(text: str) -> bytes:
    """One hash of 8 bytes a line, of the first 400, one behind the other."""
    return b"".join(_hash(line) for line in text.split("\n", _MOST_LINES)[:_MOST_LINES])


def lines_in(hashes: bytes) -> int:
    """How many they are of."""
    return len(hashes) // _SIZE


def features(text: str) -> Iterator[tuple[bytes, bool]]:
    """Hashes of what a prompt can be known by though some of it changes: its lines, long ones by sentences.

    With each, whether it is without digits, and so likely to stay.
    """
    for line in text.split("\n", _MOST_LINES)[:_MOST_LINES]:
        for piece in _SENTENCE.split(line) if len(line) > _LONG_LINE else (line,):
            if len(piece.strip()) >= _SHORT:
                yield _hash(piece), _DIGIT.search(piece) is None


def first_change(before: bytes, text: str) -> tuple[int, str] | None:
    """The first line (from 1) that is another than before, and what stands there now; None: none is."""
    lines = text.split("\n", _MOST_LINES)[:_MOST_LINES]
    for at, line in enumerate(lines):
        if before[at * _SIZE : (at + 1) * _SIZE] != _hash(line):
            return at + 1, kind_of(line)
    return (len(lines), "the text") if lines_in(before) > len(lines) else None


def kind_of(line: str) -> str:
    """In words, what of a line that changes is likely to be the cause."""
    return next((words for words, pattern in _KINDS if pattern.search(line)), "the text")


def _hash(line: str) -> bytes:
    return blake2b(line.encode("utf-8", "surrogatepass"), digest_size=_SIZE).digest()
