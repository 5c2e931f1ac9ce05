"""Plain prose without fillers. What is risky is in no list, so that negations, numbers and modality stay."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Literal

Language = Literal["en", "es"]
_ARROW = "=>"
_WORD = re.compile(r"[^\W\d_]+(?![\w.(/-])|[^\W\d_]+(?=\.(?:\s|$))")
_WORDS_OF_ONE = ("a", "y", "o", "e", "u")
_SPACE = r"(?:[ \t]+|[ \t]*\n[ \t]*)"  # between two words; a blank line ends a sentence


class Phrases:
    """Those of some languages."""

    def __init__(self, languages: Sequence[Language]) -> None:
        self._said = {phrase: new for language in languages for phrase, new in listed(language).items()}
        by_length = sorted(self._said, key=len, reverse=True)
        # The longest first; never within a word, never a part of a hyphenated one.
        self._pattern = re.compile(
            rf"(?<![\w'\u2019-])(?:{'|'.join(map(_pattern, by_length))})(?![\w-])", re.IGNORECASE
        )

    def without(self, text: str) -> str:
        """`text`, a piece of prose, without them."""
        out: list[str] = []
        at = 0
        for found in self._pattern.finditer(text):
            said = found[0]
            if not said[1:].islower():  # in capitals it is meant
                continue
            new = self._said[_plain(said)]
            end = found.end()
            if not new:
                rest = text[end:]
                blank = len(rest) - len(rest.lstrip(" \t"))
                if not blank or not _goes_on(rest[blank:]):
                    continue  # nothing follows that it introduces
                end += blank
                if said[0].isupper() and _is_plain(text, end):
                    out.extend((text[at : found.start()], text[end].upper()))
                    at = end + 1
                    continue
            elif said[0].isupper():
                new = new[0].upper() + new[1:]
            out.extend((text[at : found.start()], new))
            at = end
        return "".join([*out, text[at:]])


def listed(language: Language) -> dict[str, str]:
    """What is in the language's list: phrase, and what stands for it."""
    return dict(_listed(language))


@cache
def _listed(language: Language) -> tuple[tuple[str, str], ...]:
    text = files("litellm_plugins.compression.filler").joinpath(f"lists/{language}.txt").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    pairs = (line.split(_ARROW) for line in lines)
    return tuple((phrase.strip(), new.strip()) for phrase, new in pairs)


def _pattern(phrase: str) -> str:
    """Its words with any white space between them."""
    words = (re.escape(word).replace("'", "['\u2019]") for word in phrase.split())
    return _SPACE.join(words)


def _plain(said: str) -> str:
    return " ".join(said.lower().replace("\u2019", "'").split())


def _is_plain(text: str, at: int) -> bool:
    """Whether a word begins there that may have a capital: not `iPhone`, `pH` or the `x` of a formula."""
    word = _WORD.match(text, at)
    return word is not None and word[0].islower() and (len(word[0]) > 1 or word[0] in _WORDS_OF_ONE)


def _goes_on(rest: str) -> bool:
    return rest[:1].isalnum()
