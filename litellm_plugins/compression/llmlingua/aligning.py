"""From the words that a model keeps to text: cut out of the original, never put together from tokens. Pure.

A tokenizer does not give back what it read: BERT's makes `3.50` to `3 . 50` and loses line breaks, characters that it
does not know vanish. So the model's words are looked up in the original, and only what is found there can be dropped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from litellm_plugins.compression.checker import held
from litellm_plugins.compression.llmlingua.seams import Seam, misread

Span = tuple[int, int]
# Scripts without spaces go by the character: a run of theirs is no word.
_LETTER = r"[^\W\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]"
_WORD = re.compile(rf"{_LETTER}+(?:['\u2019]{_LETTER}+)*")
_IS_LETTER = re.compile(_LETTER)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_FAR = 64  # characters between two words of which the model saw nothing; further on a word is another one


def located(text: str, words: Sequence[str]) -> list[Span | None]:
    """Where each of `words` stands in `text`, in their order; None where it is not found soon after the last."""
    folded = _folded(text)
    same = len(folded) == len(text)
    found: list[Span | None] = []
    at, missed = 0, 0
    for word in words:
        spelled = _folded(word) if same else word
        until = at + _FAR + missed + len(spelled)
        start = (folded if same else text).find(spelled, at, until) if spelled else -1
        if start < 0:
            found.append(None)
            missed += 2 * len(word)  # what is not found stands there in another spelling
            continue
        found.append((start, start + len(spelled)))
        at, missed = start + len(spelled), 0
    return found


def rebuilt(text: str, dropped: Iterable[Span], keep: Iterable[Span] = ()) -> str:
    """`text` without `dropped`, but for words of which a part stays, and for `keep`.

    A word that goes takes the space before it along; line breaks stay, so that items of a list do not run together.
    Nothing goes between two parts that would be misread beside each other: no number, name or quotation is made.
    """
    goes = bytearray(len(text))
    for start, end in dropped:
        goes[start:end] = b"\x01" * (end - start)
    for word in _WORD.finditer(text):
        if 0 in goes[word.start() : word.end()]:
            goes[word.start() : word.end()] = bytes(word.end() - word.start())
    for start, end in keep:
        goes[start:end] = bytes(end - start)
    stated = frozenset(held(text))
    while True:
        left, seams = _sewn(text, goes)
        back = list(misread(left, seams, stated))
        if not back:
            return left
        for start, end in back:
            goes[start:end] = bytes(end - start)


def share(spans: Iterable[Span], length: int) -> float:
    """How much of `length` characters lies in `spans`, 0 to 1."""
    inside = bytearray(length)
    for start, end in spans:
        inside[start:end] = b"\x01" * (end - start)
    return sum(inside) / length if length else 0.0


def _sewn(text: str, goes: bytearray) -> tuple[str, list[Seam]]:
    out: list[str] = []
    seams: list[Seam] = []
    at, length = 0, 0
    for start, end in _runs(text, goes):
        between = _between(text, start, end)
        length += start - at
        seams.append(Seam(length, length + len(between), (start, end)))
        length += len(between)
        out += (text[at:start], between)
        at = end
    return "".join([*out, text[at:]]), seams


def _runs(text: str, goes: bytearray) -> Iterator[Span]:
    """What goes, with the white space between and around it."""
    at = 0
    while (at := goes.find(1, at)) >= 0:
        start = at
        while start and text[start - 1].isspace():
            start -= 1
        end = at
        while end < len(text) and (goes[end] or text[end].isspace()):
            end += 1
        yield start, end
        at = end


def _between(text: str, start: int, end: int) -> str:
    """What stands where a run was: a line break or a space where there was one, and words never grow together."""
    gone = text[start:end]
    if start == 0:  # what stands before is not ours, and neither is the space after it
        return gone[: len(gone) - len(gone.lstrip())] or " "
    if end == len(text):
        return gone[len(gone.rstrip()) :] or " "
    if "\n" in gone:
        return "\n\n" if _BLANK_LINE.search(gone) else "\n"
    if gone[0].isspace() or gone[-1].isspace():
        return " "
    return " " if _IS_LETTER.match(text[start - 1]) and _IS_LETTER.match(text[end]) else ""


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text)
