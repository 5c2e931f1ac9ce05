"""In which words two questions differ, so that a reviewer's eye falls on them. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

_WORD = re.compile(r"(\s+)")
_PUNCTUATION = ".,;:!?\"'()[]{}…“”‘’«»¿¡"  # noqa: RUF001 - and no sign that counts: -5 is not 5
_MOST = 0.5  # of the words: where more differ, marking them points nowhere


class Part(NamedTuple):
    """Words in a row."""

    text: str
    differs: bool


def parts(text: str, other: str) -> tuple[Part, ...]:
    """All of `text`, in pieces; words that `other` lacks, but for case and punctuation, differ."""
    known = {_plain(word) for word in _WORD.split(other)}
    pieces = _WORD.split(text)
    marked = [other != "" and _plain(piece) not in known for piece in pieces]
    words = [differs for piece, differs in zip(pieces, marked, strict=True) if _plain(piece)]
    if not words or sum(words) > _MOST * len(words):
        return (Part(text, differs=False),)
    found: list[Part] = []
    for piece, differs in zip(pieces, marked, strict=True):
        if found and (found[-1].differs is differs):
            found[-1] = Part(found[-1].text + piece, differs)
        else:
            found.append(Part(piece, differs))
    return tuple(found)


def _plain(word: str) -> str:
    return word.strip().strip(_PUNCTUATION).casefold()
