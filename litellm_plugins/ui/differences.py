"""In which words two questions differ, so that a reviewer's eye falls on them. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

_WORD = re.compile(r"(\s+)")
_PUNCTUATION = ".,;:!?\"'()[]{}…“”‘’«»¿¡"  # noqa: RUF001 - and no sign that counts: -5 is not 5
_MOST = 0.5  # of the words of both: where more differ, marking them points nowhere


class Part(NamedTuple):
    """Words in a row."""

    text: str
    differs: bool


Parts = tuple[Part, ...]


def told_apart(one: str, other: str) -> tuple[Parts, Parts]:
    """All of both, in pieces; words that only one of them has differ, but for case and punctuation."""
    pieces = _WORD.split(one), _WORD.split(other)
    words = [{_plain(piece) for piece in each} - {""} for each in pieces]
    alone = [words[0] - words[1], words[1] - words[0]]
    if not all(words) or len(alone[0]) + len(alone[1]) > _MOST * (len(words[0]) + len(words[1])):
        return (Part(one, differs=False),), (Part(other, differs=False),)
    return _marked(pieces[0], alone[0]), _marked(pieces[1], alone[1])


def _marked(pieces: list[str], alone: set[str]) -> Parts:
    found: list[Part] = []
    for piece in pieces:
        differs = _plain(piece) in alone
        if found and found[-1].differs is differs:
            found[-1] = Part(found[-1].text + piece, differs)
        else:
            found.append(Part(piece, differs))
    return tuple(found)


def _plain(word: str) -> str:
    return word.strip().strip(_PUNCTUATION).casefold()
