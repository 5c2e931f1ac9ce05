"""The parts of a text that may be touched, written without loss, and the JSON in it taken whole."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from litellm_plugins.compression.lossless.chain import lossless, tightened
from litellm_plugins.compression.lossless.table_reading import HEAD
from litellm_plugins.compression.lossless.tables import has_marks
from litellm_plugins.compression.pieces import Range
from litellm_plugins.compression.question import shown
from litellm_plugins.compression.segments import Kind, Segment, segments

_DATA = 600  # characters of JSON that nobody asks as a question


def rewritten(text: str, ranges: Sequence[Range]) -> str:
    """`text` with each range written without loss; all else, and the white space at a range's ends, byte for byte."""
    out: list[str] = []
    at = made = 0
    marked = has_marks(text)
    for start, end in ranges:
        core = text[start:end].strip()
        if not core:
            continue
        begin = text.index(core, start)
        stop = begin + len(core)
        free = (core[0] not in "[{" or _opens_line(text, begin)) and (core[-1] not in "]}" or _closes_line(text, stop))
        tight = lossless(core, tables_before=made) if free and not marked else tightened(core)
        made += 0 if marked else len(HEAD.findall(tight))
        out.extend((text[at:begin], tight))
        at = stop
    return "".join([*out, text[at:]])


def with_whole_json(text: str, ranges: Sequence[Range], cut: Sequence[Segment] | None = None) -> list[Range]:
    """The ranges, and JSON as a whole that lies in one of them or is too long to be a question.

    What may be a question is found by its place and its signs, and so may reach into data, or be a string within it.
    An example between tags stays: the answer is to look like it.

    Args:
        text: The whole of it.
        ranges: What may be touched.
        cut: The text's segments, where they are known.
    """
    wide = list(ranges)
    if any(sign in text for sign in "[{"):
        data = [(part.start, part.end) for part in cut or segments(text) if part.kind is Kind.JSON]
        shows = shown(text) if data else []
        wide += [
            (begin, stop)
            for begin, stop in data
            if not _overlaps(shows, begin, stop) and (stop - begin >= _DATA or _overlaps(ranges, begin, stop))
        ]
    joined: list[Range] = []
    for start, end in sorted(wide):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _overlaps(spans: Sequence[Range], begin: int, stop: int) -> bool:
    """Whether one of the spans, which are in their order and do not overlap, does."""
    at = bisect_left(spans, (stop,))
    return at > 0 and spans[at - 1][1] > begin


def _opens_line(text: str, at: int) -> bool:
    return not text[text.rfind("\n", 0, at) + 1 : at].strip()


def _closes_line(text: str, at: int) -> bool:
    end = text.find("\n", at)
    return not text[at : len(text) if end < 0 else end].strip()
