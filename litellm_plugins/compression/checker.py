"""What a compressed text lost of what must not be lost. Sees the text before and after, not how it was compressed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from litellm_plugins.compression.delimited import between
from litellm_plugins.compression.lossless.chain import restore, tightened
from litellm_plugins.compression.numbers import NUMBER
from litellm_plugins.compression.segments import Kind, segments
from litellm_plugins.compression.spans import Span
from litellm_plugins.compression.tokens_in_prose import tokens


@dataclass(frozen=True, slots=True)
class Loss:
    """Something of which the text after has less than the text before."""

    what: str  # number | url | email | id | path | negation | quote | question | code | json | …
    lost: str  # as it stood there


_URL = re.compile(r"\b(?:[A-Za-z][A-Za-z0-9+.-]{1,20}://|www\.)[^\s<>\"'`，。；）」]+[^\s<>\"'`，。；）」.,;:!?)\]}]")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_NEGATION = re.compile(
    r"\b(?:(?P<not>not|cannot|\w{1,12}n['\u2019]t)|no|never|none|nobody|nothing|nowhere|neither|nor|without|unless|except|excluding"
    r"|hardly|barely|scarcely|nunca|jam[aá]s|ni|nada|nadie|ning[uú]n(?:[oa]s?)?|sin|tampoco|salvo|excepto|apenas)\b",
    re.IGNORECASE,
)
_CHINESE_NEGATION = re.compile("[不没沒無无未非别勿莫]")
_QUOTES = (('"', '"'), ("\u201c", "\u201d"), ("«", "»"), ("\u300c", "\u300d"), ("\u300e", "\u300f"), ("\u2018", "\u2019"))
_LONGEST_QUOTE = 1_000
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
    was, left = tightened(before), tightened(restore(after))
    if was == left:
        return tuple(found)
    for what, read in _READERS.items():
        found.extend(_fewer(what, Counter(read(was)), Counter(read(left))))
    found.extend(_blocks_lost(was, left))
    return tuple(found)


def _fewer(what: str, was: Counter[str], left: Counter[str]) -> Iterator[Loss]:
    for lost, times in (was - left).items():
        for _ in range(times):
            yield Loss(what, lost)


def _blocks_lost(was: str, left: str) -> Iterator[Loss]:
    missing = Counter(_blocks(was)) - Counter(_blocks(left))
    for at, ((kind, text), times) in enumerate(missing.items()):
        if at >= _LOOKED_FOR or left.count(text) < was.count(text):
            for _ in range(times):
                yield Loss(kind.value, text)


def _blocks(text: str) -> Iterator[tuple[Kind, str]]:
    return ((segment.kind, segment.text.strip()) for segment in segments(text) if segment.kind in _BLOCKS)


def _numbers(text: str) -> Iterator[str]:
    return (_spaced(found[0]) for found in NUMBER.finditer(text))


def _urls(text: str) -> Iterator[str]:
    return (found[0] for found in _URL.finditer(text))


def _emails(text: str) -> Iterator[str]:
    return (found[0] for found in _EMAIL.finditer(text))


def _named(*kinds: Kind) -> Callable[[str], Iterator[str]]:
    def read(text: str) -> Iterator[str]:
        return (text[span.start : span.end] for span in _tokens(text) if span.kind in kinds)

    return read


def _tokens(text: str) -> Iterator[Span]:
    return tokens(text)


def _negations(text: str) -> Iterator[str]:
    """`don't`, `cannot` and `not` are one: a contraction is no loss."""
    for found in _NEGATION.finditer(text):
        yield "not" if found["not"] else found[0].lower()
    yield from _CHINESE_NEGATION.findall(text)


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
