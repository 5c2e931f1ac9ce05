"""What a question says on its face: words, numbers, negations, names. Pure, English and Spanish.

Embeddings hardly see what these see: "2+2" and "2+3", "with" and "without", "C" and "C++" lie side by side.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from litellm_plugins.cache.verifier.vocabulary import (
    AMOUNTS,
    ENGLISH,
    KINDS_OF_QUESTION,
    NEGATIONS,
    OPPOSITES,
    SPANISH,
    WORDS_FOR_NUMBERS,
)

READ = 2_000  # characters; longer questions are compared by what stands at their beginning
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*(?:\+\+|#)?|[+*/=<>^%$\u20ac]")
_NUMBER = re.compile(r"(?<![^\W_])[-\u2212]?\d+(?:[.,:/]\d+)*(?![^\W_])")
_QUOTED = re.compile(
    r"[\"\u201c\u201d\u00ab\u00bb`]([^\"\u201c\u201d\u00ab\u00bb`]{1,200})[\"\u201c\u201d\u00ab\u00bb`]"
)
_CODE = re.compile(r"[{};]|\w\(|=>|::|</?\w+>|\bdef \b|\bselect \b", re.IGNORECASE)

_TURNING = ("un", "dis", "des", "non", "de", "in", "im", "ir", "il")
_ENDINGS = ("ingly", "edly", "ings", "ing", "ies", "ied", "ed", "es", "ly", "s")


@dataclass(frozen=True, slots=True)
class Text:
    """One question as its words show it."""

    words: tuple[str, ...]  # stems in their order, numbers among them
    word_set: frozenset[str]
    numbers: tuple[str, ...]  # sorted
    codes: frozenset[str]  # words of letters and digits, such as "M605dh", "v2" or "C++"
    names: frozenset[str]  # words with a capital letter that is not the sentence's
    negations: int
    question: str  # "how", "what", "whether", … or ""
    quoted: frozenset[str]
    trigrams: frozenset[str]
    language: str  # "en", "es" or ""
    is_code: bool


@lru_cache(maxsize=16_384)
def read(question: str) -> Text:
    """`question` as its words show it."""
    said = _said(question)
    originals = _WORD.findall(said)
    plain = [_plain(word) for word in originals]
    stems = tuple(map(_stem, plain))
    asks = _question(plain)
    compact = " ".join(stems)
    return Text(
        words=stems,
        word_set=frozenset(stems),
        numbers=tuple(sorted([_figure(n) for n in _NUMBER.findall(said)] + _spelt_out(plain))),
        codes=frozenset(word for word in plain if _is_code_word(word)),
        names=frozenset(
            _stem(_plain(word))
            for previous, word in zip([None, *originals], originals, strict=False)
            if previous is not None and word[0].isupper() and word not in ("I", "I'm", "I'd", "I've", "I'll")
        ),
        negations=sum(word in NEGATIONS or word.endswith("n't") for word in plain),
        question=asks,
        quoted=frozenset(part.casefold().strip() for part in _QUOTED.findall(said)),
        trigrams=frozenset(compact[i : i + 3] for i in range(len(compact) - 2)),
        language=_language(plain),
        is_code=_CODE.search(said) is not None,
    )


@lru_cache(maxsize=65_536)
def words_of(question: str) -> frozenset[str]:
    """`read(question).word_set`, at a fifth of the time: most neighbours are compared by their words alone."""
    return frozenset(map(_stem, map(_plain, _WORD.findall(_said(question)))))


@lru_cache(maxsize=16_384)
def is_opposed(only_a: frozenset[str], only_b: frozenset[str]) -> bool:
    """Whether a word of one and a word of the other are opposites: by the list, or by a prefix as in "unlock"."""
    return any(
        any(opposite in only_b for side in _SIDES.get(word, ()) for opposite in side)
        or not only_b.isdisjoint(_turned(word))
        for word in only_a
    ) or any(not only_a.isdisjoint(_turned(word)) for word in only_b)


@lru_cache(maxsize=16_384)
def _turned(word: str) -> frozenset[str]:
    """Stems of what turns `word` into its opposite; not where "in" and "come" would make another word."""
    if len(word) < 4 or not word.isalpha():
        return frozenset()
    prefixes = _TURNING if len(word) > 4 else _TURNING[:4]
    return frozenset(stem for prefix in prefixes for stem in (prefix + word, prefix + word.removesuffix("e")))


def _said(question: str) -> str:
    return question[:READ].replace("\u2019", "'")


def _plain(word: str) -> str:
    folded = word.casefold()
    if folded.isascii():
        return folded
    decomposed = unicodedata.normalize("NFKD", folded)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    """Light: plural and verb endings go, so that "cancelled" and "cancelling" meet."""
    if len(word) < 4 or any(letter.isdigit() for letter in word):
        return word
    word = word.removesuffix("'s")
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            root = word.removesuffix(ending)
            if ending in ("ies", "ied"):
                return root + "y"
            if len(root) > 3 and root[-1] == root[-2] and root[-1] not in "lsz":
                root = root[:-1]
            return root.removesuffix("e") or root
    return word.removesuffix("e") if len(word) > 4 else word


def _is_code_word(word: str) -> bool:
    if word.endswith(("+", "#")) and len(word) > 1:
        return True
    if word.isalpha() or word.isdecimal():  # as nearly all are
        return False
    return any(letter.isdigit() for letter in word) and any(letter.isalpha() for letter in word)


def _figure(written: str) -> str:
    return written.replace("\u2212", "-").lstrip("+").rstrip(".,:/")


def _spelt_out(words: Iterable[str]) -> list[str]:
    return [WORDS_FOR_NUMBERS[word] for word in words if word in WORDS_FOR_NUMBERS]


def _question(words: list[str]) -> str:
    for i, word in enumerate(words[:8]):
        kind = KINDS_OF_QUESTION.get(word)
        if kind == "how" and i + 1 < len(words) and words[i + 1] in AMOUNTS:
            return "how_much"
        if kind is not None:
            return kind
    return ""


def _language(words: list[str]) -> str:
    english, spanish = sum(w in ENGLISH for w in words), sum(w in SPANISH for w in words)
    if english == spanish:
        return ""
    return "en" if english > spanish else "es"


def _sides() -> dict[str, tuple[frozenset[str], ...]]:
    sides: dict[str, tuple[frozenset[str], ...]] = {}
    for line in OPPOSITES:
        one, other = (frozenset(_stem(word) for word in side.split()) for side in line.split("|"))
        for here, there in ((one, other), (other, one)):
            for word in here:
                sides[word] = (*sides.get(word, ()), there)
    return sides


_SIDES = _sides()
