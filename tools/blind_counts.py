"""What the recipes of docs/routing-blind.md count. Written down before it was measured: not to be changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from litellm_plugins.embedding.local import BUNDLED

Table = np.ndarray[Any, Any]

_TOKENIZER = Tokenizer.from_file(str(BUNDLED / "tokenizer.json"))
_VOCABULARY = _TOKENIZER.get_vocab()
_FIRST_WORD = _VOCABULARY["the"]  # from here on the vocabulary is ordered by frequency
_USUAL = 10_000
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")  # noqa: RUF001 - as people type it
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_SENTENCE = re.compile(r"[.!?](?=\s|$)|\n+|\|")
_SUBORDINATE = re.compile(
    r"\b(?:if|because|although|though|while|which|that|who|whom|whose|when|after|before|unless|until|since|whereas"
    r"|where|as)\b"
)
# Before a capital that names nothing: the beginning of a sentence, an option or a quotation.
_BEGINNING = re.compile(r"(?:^|[.!?:]\s+|\n\s*|\n?\(?[A-J][.):]\s+|[\"“]\s*)$")
_PRONOUN = re.compile(
    r"\b(?:he|she|they|him|her|them|his|hers|their|theirs|himself|herself|themselves|i|my|me|we|our|us|you|your)\b"
)
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|neither|nor|except|without|least|false|incorrect|unless|cannot|nothing|nobody|fails?"
    r"|lacks?)\b|n['’]t\b"  # noqa: RUF001
)
_COMPARISON = re.compile(
    r"\b(?:more|less|fewer|greater|larger|smaller|higher|lower|older|younger|longer|shorter|than|twice|thrice|double"
    r"|triple|half|times|ratio|compared|difference|remaining|remainder|rest|left|most|least|same|equal"
    r"|as (?:many|much))\b"
)
_NUMBER_WORD = re.compile(
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|fifteen|twenty|thirty|forty|fifty|sixty"
    r"|hundred|thousand|million|half|third|quarter|first|second)\b"
)
_MATHS = "=+*/^√∫∑π≤≥≠∞×÷±<>\\"  # noqa: RUF001
_CODE = ("```", "def ", "class ", "return ", "import ", "SELECT ", "=>", "->", "()", ";\n", "{\n", "</")
_STOP_WORDS = """
    that this with from have were what which when where there their they them then than would could should about after
    before your will been into only some such does each most more less other over also both being having these those
    because while
""".split()  # noqa: SIM905 - a list of fifty strings is no easier to read


def ten(texts: Sequence[str]) -> Table:
    """ln(1 + n) of each count, shape (texts, 10), in the order of `_counts`."""
    return np.log1p(np.array([_counts(text) for text in texts], float))


def grades(texts: Sequence[str]) -> Table:
    """Flesch-Kincaid grade, Gunning fog, SMOG, ARI, Coleman-Liau, shape (texts, 5)."""
    return np.array([_grades(text) for text in texts])


def _counts(text: str) -> list[int]:
    text = text.strip()
    lower = text.lower()
    words = _WORD.findall(lower)
    return [
        len(_SENTENCE.findall(text)),
        sum(map(text.count, ",;:")) + len(_SUBORDINATE.findall(lower)),
        sum(_VOCABULARY.get(word, _FIRST_WORD + _USUAL) - _FIRST_WORD >= _USUAL for word in set(words)),
        _names(text),
        len(_PRONOUN.findall(lower)),
        len(_NEGATION.findall(lower)),
        len(_COMPARISON.findall(lower)),
        len(set(_NUMBER.findall(lower))) + len(set(_NUMBER_WORD.findall(lower))),
        len({word for word in words if len(word) > 3 and word not in _STOP_WORDS}),
        sum(map(text.count, _MATHS)) + sum(map(text.count, _CODE)),
    ]


def _names(text: str) -> int:
    found = set()
    for match in _WORD.finditer(text):
        word, at = match.group(), match.start()
        if word[0].isupper() and len(word) > 1 and at and not _BEGINNING.search(text[max(0, at - 12) : at]):
            found.add(word)
    return len(found)


def _grades(text: str) -> list[float]:
    found = _WORD.findall(text.lower())
    words = max(len(found), 1)
    sentences = max(len(re.findall(r"[.!?](?=\s|$)|\n+", text.strip())), 1)
    syllables = [_syllables(word) for word in found]
    long = sum(count >= 3 for count in syllables)
    letters = sum(map(len, found))
    return [
        0.39 * words / sentences + 11.8 * sum(syllables) / words - 15.59,
        0.4 * (words / sentences + 100 * long / words),
        1.043 * sqrt(long * 30 / sentences) + 3.1291,
        4.71 * letters / words + 0.5 * words / sentences - 21.43,
        0.0588 * 100 * letters / words - 0.296 * 100 * sentences / words - 15.8,
    ]


def _syllables(word: str) -> int:
    count = len(re.findall(r"[aeiouy]+", word))
    return max(count - (word.endswith("e") and not word.endswith("le") and count > 1), 1)
