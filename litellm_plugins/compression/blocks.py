"""What must not be touched, as far as whole lines show it: code, data, tables, logs, formulas."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from litellm_plugins.compression.code_lines import code_runs
from litellm_plugins.compression.data_lines import aligned, csv, log, markdown_table, yaml
from litellm_plugins.compression.json_spans import JsonFinder
from litellm_plugins.compression.lines import Lines, lines_of
from litellm_plugins.compression.machine_lines import diff, markup, quote, trace
from litellm_plugins.compression.spans import Kind, Span

Finder = Callable[[Lines, int], int]  # the line after what begins at this line; this line where nothing does

_FENCE = re.compile(r"(?:[-*+>]\s+|\d+[.)]\s+)?(`{3,}|~{3,})")
_LONGEST_COMMENT = 5_000  # characters
_BEGIN = re.compile(r"\\begin\{([\w*]{1,40})\}")


def blocks(text: str) -> list[Span]:
    """Untouchable blocks in their order, none overlapping."""
    lines = lines_of(text)
    taken, spans = _begun(lines)
    for kind, find in (
        (Kind.TABLE, markdown_table),
        (Kind.TABLE, csv),
        (Kind.YAML, yaml),
        (Kind.TABLE, aligned),
    ):
        _runs(lines, taken, spans, kind, find)
    for first, last in code_runs(lines, taken):
        spans.append(Span(Kind.CODE, *lines.span(first, last)))
    spans = sorted((span for span in spans if span.start < span.end), key=lambda span: span.start)
    return _joined(text, _within_code(text, spans))


def _begun(lines: Lines) -> tuple[list[bool], list[Span]]:
    """What is known by the line that begins it."""
    json = JsonFinder(lines)
    taken = [False] * len(lines)
    spans: list[Span] = []
    at = 0
    while at < len(lines):
        after = at
        if lines.bare[at]:
            if found := json.find(at):
                start, end, after = found
                spans.append(Span(Kind.JSON, start, end))
            else:
                first = lines.bare[at][0]
                for kind, signs, find in _FINDERS:
                    if (first in signs or (first.isalnum() and "a" in signs)) and (after := find(lines, at)) > at:
                        spans.append(Span(kind, *lines.span(at, after)))
                        break
        for line in range(at, after):
            taken[line] = True
        at = max(after, at + 1)
    return taken, spans


def _runs(
    lines: Lines, taken: list[bool], spans: list[Span], kind: Kind, find: Callable[[Lines, int, int], int]
) -> None:
    """What is known by several lines together; looked for between what is taken already."""
    at = 0
    while at < len(lines):
        if taken[at]:
            at += 1
            continue
        limit = at
        while limit < len(lines) and not taken[limit]:
            limit += 1
        while at < limit:
            after = find(lines, at, limit)
            if after > at:
                spans.append(Span(kind, *lines.span(at, after)))
                taken[at:after] = [True] * (after - at)
            at = max(after, at + 1)


def _joined(text: str, spans: list[Span]) -> list[Span]:
    """Blank lines between two blocks belong to the first: in code, which is often seen as several, they are style."""
    out = list(spans)
    for at, (span, below) in enumerate(pairwise(spans)):
        if Kind.JSON not in (span.kind, below.kind) and not text[span.end : below.start].strip():
            out[at] = replace(span, end=below.start)
    return out


def _within_code(text: str, spans: list[Span]) -> list[Span]:
    """JSON directly below or above lines of code or YAML is part of them, and so is JSON between two pieces of code."""
    out = list(spans)
    for i, span in enumerate(spans):
        if span.kind is not Kind.JSON:
            continue
        above = _neighbour(text, spans[i - 1] if i else None, (spans[i - 1].end if i else 0), span.start)
        below = _neighbour(
            text,
            spans[i + 1] if i + 1 < len(spans) else None,
            span.end,
            spans[i + 1].start if i + 1 < len(spans) else 0,
        )
        if "touching" in (above, below) or above == below == "near":
            out[i] = Span(Kind.CODE, span.start, span.end)
    return out


def _neighbour(text: str, other: Span | None, start: int, end: int) -> str:
    """How near code is: `touching` on the next line, `near` after blank lines, or "" where prose lies between."""
    if other is None or other.kind not in (Kind.CODE, Kind.YAML):
        return ""
    gap = text[start:end]
    if gap.strip():
        return ""
    if gap.count("\n") == 1:
        return "touching"
    return "near" if other.kind is Kind.CODE else ""


def _fence(lines: Lines, at: int) -> int:
    """A fenced block to its closing fence, or to the end of the text (CommonMark 0.31, section 4.5)."""
    opening = _FENCE.match(lines.bare[at])
    if not opening:
        return at
    marks = opening[1]
    if marks[0] == "`" and "`" in lines.bare[at][opening.end() :]:
        return at
    for line in range(at + 1, len(lines)):
        bare = lines.bare[line]
        if bare.startswith(marks) and not bare.strip(marks[0]):
            return line + 1
    return len(lines)


def _maths(lines: Lines, at: int) -> int:
    """Displayed LaTeX; what is never closed reaches to the next blank line."""
    bare = lines.bare[at]
    begin = _BEGIN.match(bare)
    if begin:
        closing = f"\\end{{{begin[1]}}}"
    elif bare.startswith("$$"):
        closing = "$$"
    elif bare.startswith("\\["):
        closing = "\\]"
    else:
        return at
    if closing in lines.whole(at).strip()[2:]:
        return at + 1
    line = at + 1
    while line < len(lines) and lines.bare[line]:
        if closing in lines.whole(line):
            return line + 1
        line += 1
    return line


def _comment(lines: Lines, at: int) -> int:
    """A comment of the C family; what is not closed within some screens reaches to the next blank line."""
    if not lines.bare[at].startswith("/*"):
        return at
    closing = lines.text.find("*/", lines.starts[at] + 2, lines.starts[at] + _LONGEST_COMMENT)
    line = at
    while line < len(lines) and (lines.starts[line] <= closing if closing >= 0 else lines.bare[line]):
        line += 1
    return line


# What begins a block, and with which signs it may begin; "a" is any letter or digit.
_FINDERS: tuple[tuple[Kind, str, Finder], ...] = (
    (Kind.CODE, "`~-*+>0123456789", _fence),
    (Kind.MATHS, "$\\", _maths),
    (Kind.CODE, "/", _comment),
    (Kind.DIFF, "d@-I*", diff),
    (Kind.TRACE, "a.", trace),
    (Kind.MARKUP, "<", markup),
    (Kind.QUOTE, ">", quote),
    (Kind.LOG, "a[", log),
)
