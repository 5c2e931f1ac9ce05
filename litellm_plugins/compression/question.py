"""Where a user's text asks, and where it only gives to read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

SHORT = 1_500  # characters up to which a text is all question
_EDGE = 600  # characters at each end that may be the task, in words that no sign gives away
_BACK = 400  # characters that one question reaches back at most
_MARK = re.compile(r"[?\uff1f\u061f]")
_SENTENCE_END = re.compile(r"[.!?\u3002\uff01\uff1f]\s|\n")
_LABEL = re.compile(
    r"^[ \t>*#_-]{0,8}(?:question|query|task|instructions?|request|user|prompt|q|important|note|remember|answer|respond"
    r"|return|output|format|pregunta|tarea|instrucci[oó]n(?:es)?|consulta|importante|nota|recuerda"
    r"|\u95ee\u9898|\u554f\u984c|\u4efb\u52a1)\b[*_]{0,2}\s?[:\uff1a]",
    re.IGNORECASE | re.MULTILINE,
)
_TAGS = (
    "question",
    "query",
    "task",
    "instructions",
    "instruction",
    "user_query",
    "request",
    "format",
    "rules",
    "example",
    "examples",
)
_SHOWN = ("format", "example", "examples")


def asks(text: str) -> list[tuple[int, int]]:
    """Spans of `text` that may be what is asked, in their order, none overlapping.

    Depends on the text alone: a turn is read the same way when it is new and when it has become history.
    """
    if len(text) <= SHORT:
        return [(0, len(text))] if text else []
    spans = [(0, _onward(text, _EDGE)), (_back(text, len(text) - _EDGE, 0), len(text))]
    spans.extend(_questions(text))
    spans.extend((label.start(), _line_end(text, label.end())) for label in _LABEL.finditer(text))
    spans.extend(_between(text, _TAGS))
    return _joined(spans)


def shown(text: str) -> list[tuple[int, int]]:
    """Spans of `text` between tags that show what an answer looks like: it will be written as they are."""
    return _joined(list(_between(text, _SHOWN)))


def _between(text: str, tags: Sequence[str]) -> Iterator[tuple[int, int]]:
    lower = text.lower() if len(text.lower()) == len(text) else text
    for tag in tags:
        yield from _tagged(lower, f"<{tag}>", f"</{tag}>")


def _questions(text: str) -> Iterator[tuple[int, int]]:
    """Sentences that end with a question mark. No sign is read twice."""
    read = 0
    for mark in _MARK.finditer(text):
        yield _back(text, mark.start(), max(read, mark.start() - _BACK)), mark.end()
        read = mark.end()


def _tagged(text: str, opening: str, closing: str) -> Iterator[tuple[int, int]]:
    at = 0
    while (start := text.find(opening, at)) >= 0 and (end := text.find(closing, start)) >= 0:
        at = end + len(closing)
        yield start, at


def _onward(text: str, at: int) -> int:
    """The end of the sentence that holds `at`; `at` itself where none ends soon."""
    end = _SENTENCE_END.search(text, at, min(len(text), at + _BACK))
    return end.end() if end else at


def _back(text: str, at: int, least: int) -> int:
    """The beginning of the sentence that holds `at`, not before `least`."""
    least = max(least, at - _BACK, 0)
    begin = least
    for end in _SENTENCE_END.finditer(text, least, at):
        begin = end.end()
    return begin


def _line_end(text: str, at: int) -> int:
    """The end of the line; of the next line that says anything where the label stands alone."""
    end = text.find("\n", at)
    while end >= 0 and not text[at:end].strip():
        at, end = end + 1, text.find("\n", end + 1)
    return end if end >= 0 else len(text)


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out
