"""What a compressed text lost of what must not be lost. Sees the text before and after, not how it was compressed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from litellm_plugins.compression.delimited import between
from litellm_plugins.compression.lossless.chain import restore, tightened
from litellm_plugins.compression.lossless.json_text import minify
from litellm_plugins.compression.numbers import NUMBER
from litellm_plugins.compression.patterns import EMAIL, URL
from litellm_plugins.compression.segments import Kind, Segment, segments
from litellm_plugins.compression.tokens_in_prose import tokens


@dataclass(frozen=True, slots=True)
class Loss:
    """Something of which the text after has less than the text before."""

    what: str  # number | url | email | id | path | negation | quote | question | code | json | …
    lost: str  # as it stood there


_NEGATION = re.compile(
    r"\b(?:(?P<not>not|cannot|\w{1,12}n['\u2019]t)|no|never|none|nobody|nothing|nowhere|neither|nor|without|unless|except|excluding"
    r"|hardly|barely|scarcely|den(?:y|ies|ied|ying)|absen(?:t|ce)|lack(?:s|ed|ing)?|nieg[ao]n?|negó|ausen(?:te|cia)|nunca|jam[aá]s|ni|nada|nadie|ning[uú]n(?:[oa]s?)?|sin|tampoco|salvo|excepto|apenas)\b",
    re.IGNORECASE,
)
_CHINESE_NEGATION = re.compile("[不没沒無无未非别勿莫]")
_QUOTES = (
    ('"', '"'),
    ("\u201c", "\u201d"),
    ("«", "»"),
    ("\u300c", "\u300d"),
    ("\u300e", "\u300f"),
    ("\u2018", "\u2019"),
)
_LONGEST_QUOTE = 1_000
_QUOTE_SIGN = re.compile('["\u201c\u201d\u201e«»\u300c\u300d\u300e\u300f\u2018]')
_SPACE = re.compile(r"\s+")
# Whole blocks; names and numbers are compared wherever they stand.
_BLOCKS = frozenset(Kind) - {Kind.PROSE, Kind.URL, Kind.EMAIL, Kind.PATH, Kind.ID, Kind.NUMBER, Kind.QUOTE}
_LOOKED_FOR = 200  # blocks that are looked for in the text, where the segments do not show them


def losses(before: str, after: str, *, question: str = "") -> tuple[Loss, ...]:
    """What `after` has less often than `before`; empty where nothing is lost.

    Our own tables and references are read as what they stand for, and white space in prose and JSON counts for nothing.

    Args:
        before: The original.
        after: What would be sent.
        question: What must stand in `after` word for word, whether it stands in `before` or not.
    """
    found: list[Loss] = []
    if question.strip() and _spaced(question) not in _spaced(after):
        found.append(Loss("question", question))
    if before == after:
        return tuple(found)
    had, has = _Read.of(before), _Read.of(restore(after))
    if had.text == has.text:
        return tuple(found)
    for what, read in _READERS.items():
        for lost, times in (Counter(read(had.text)) - Counter(read(has.text))).items():
            found.extend([Loss(what, lost)] * times)
    found.extend(_blocks_lost(had, has))
    return tuple(found)


def held(text: str) -> Iterator[tuple[int, int]]:
    """Spans of `text` that `losses` would miss if they were gone: for those who shorten sentences."""
    for pattern in (NUMBER, URL, EMAIL):
        yield from (found.span() for found in pattern.finditer(text))
    yield from negated(text)
    yield from ((span.start, span.end) for span in tokens(text) if span.kind in (Kind.ID, Kind.PATH))
    for opening, closing in _QUOTES:
        yield from between(text, opening, closing, _LONGEST_QUOTE)


@dataclass(frozen=True, slots=True)
class _Read:
    """A text in the white space that all are compared in, and its blocks."""

    text: str
    blocks: Counter[tuple[Kind, str]]

    @classmethod
    def of(cls, text: str) -> _Read:
        cut = segments(text)
        blocks = Counter((part.kind, _canonical(part)) for part in cut if _is_block(part))
        return cls(tightened(text, cut), blocks)


def _is_block(part: Segment) -> bool:
    return part.kind in _BLOCKS or (part.kind is Kind.QUOTE and part.text[0] == ">")


def _canonical(part: Segment) -> str:
    return minify(part.text) if part.kind is Kind.JSON else part.text.strip()


def _blocks_lost(had: _Read, has: _Read) -> Iterator[Loss]:
    """Blocks that the segments show less often, and the text as well: what stands around one may change its kind."""
    for at, ((kind, block), times) in enumerate((had.blocks - has.blocks).items()):
        if at >= _LOOKED_FOR or has.text.count(block) < had.text.count(block):
            yield from [Loss(kind.value, block)] * times


def _numbers(text: str) -> Iterator[str]:
    return (_spaced(found[0]) for found in NUMBER.finditer(text))


def _urls(text: str) -> Iterator[str]:
    return (found[0] for found in URL.finditer(text))


def _emails(text: str) -> Iterator[str]:
    return (found[0] for found in EMAIL.finditer(text))


def _named(kind: Kind) -> Callable[[str], Iterator[str]]:
    def read(text: str) -> Iterator[str]:
        return (text[span.start : span.end] for span in tokens(text) if span.kind is kind)

    return read


def _negations(text: str) -> Iterator[str]:
    """`don't`, `cannot` and `not` are one: a contraction is no loss."""
    for found in _NEGATION.finditer(text):
        yield "not" if found["not"] else found[0].lower()
    yield from _CHINESE_NEGATION.findall(text)


def negated(text: str) -> list[tuple[int, int]]:
    """Where negations stand."""
    return [found.span() for pattern in (_NEGATION, _CHINESE_NEGATION) for found in pattern.finditer(text)]


def quoted(text: str) -> list[tuple[int, int]]:
    """Where quotations stand, and every sign that may begin one: without it those behind it are paired anew."""
    pairs = [span for opening, closing in _QUOTES for span in between(text, opening, closing, _LONGEST_QUOTE)]
    return [*pairs, *(found.span() for found in _QUOTE_SIGN.finditer(text))]


def question_stands(question: str, before: str, after: str) -> bool:
    """Whether the question is in `after` word for word, if it is in `before`. White space counts for nothing."""
    asked = _spaced(question)
    return asked in _spaced(after) or asked not in _spaced(before)


def _quotes(text: str) -> Iterator[str]:
    for opening, closing in _QUOTES:
        for start, end in between(text, opening, closing, _LONGEST_QUOTE):
            yield _spaced(text[start:end])


def _spaced(text: str) -> str:
    return _SPACE.sub(" ", text).strip()


_READERS: dict[str, Callable[[str], Iterator[str]]] = {
    "number": _numbers,
    "url": _urls,
    "email": _emails,
    "id": _named(Kind.ID),
    "path": _named(Kind.PATH),
    "negation": _negations,
    "quote": _quotes,
}
