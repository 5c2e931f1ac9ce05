"""The same question but for what nobody means by it, and what nobody sees in it. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from litellm_plugins.cache.verifier.text import read

_OPENING, _CLOSING = " ¿¡", " ?!."
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})  # controls, format characters, code points that are no characters
_PERHAPS = re.compile(r"[^\t-\r\x1c-~]")  # all but what ASCII prints, and its white space
_SELECTORS = (("\ufe00", "\ufe0d"), ("\U000e0100", "\U000e01ef"))  # of a glyph's variant; text and emoji style apart


def same_words(one: str, other: str) -> bool:
    """Whether two questions are the same but for spacing, marks around them and, where it means nothing, case.

    Case means something in code, in quotes, and in words with a capital inside ("US", "iPhone", base64), unless the
    whole question is shouted.
    """
    here, there = _tidy(one), _tidy(other)
    if not here or not there:
        return one == other
    if here.casefold() != there.casefold():  # so nearly all of them are told apart, without being read
        return False
    if read(one).is_code or read(other).is_code:
        return one.strip() == other.strip()
    return here == there or _case_means_nothing(here, there)


def hidden(text: str) -> str:
    """The characters of `text` that no screen shows and no tokenizer of ours keeps, but a model may read.

    Tag characters and variation selectors spell whole sentences that way: two questions that differ by those are
    one and the same to an embedder.
    """
    return "".join(c for c in _PERHAPS.findall(text) if _is_hidden(c))


def _is_hidden(character: str) -> bool:
    if character.isprintable():
        return any(low <= character <= high for low, high in _SELECTORS)
    return not character.isspace() and unicodedata.category(character) in _UNSEEN


@lru_cache(maxsize=16_384)
def _tidy(text: str) -> str:
    spaced = " ".join(text.split()).lstrip(_OPENING)
    tidy = spaced.rstrip(_CLOSING)
    factorial = tidy[-1:].isdigit() and "!" in spaced[len(tidy) :]
    return spaced if factorial else tidy


def _case_means_nothing(one: str, other: str) -> bool:
    if any(read(text).quoted or read(text).codes for text in (one, other)):
        return False
    pairs = zip(one.split(), other.split(), strict=True)
    return all(a == b or ((one.isupper() or _is_plain(a)) and (other.isupper() or _is_plain(b))) for a, b in pairs)


def _is_plain(word: str) -> bool:
    return not any(letter.isupper() for letter in word[1:])
