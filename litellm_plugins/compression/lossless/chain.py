"""All lossless methods on one text, and the way back."""

from __future__ import annotations

from litellm_plugins.compression.lossless import passages, tables
from litellm_plugins.compression.lossless.json_text import minify
from litellm_plugins.compression.lossless.whitespace import tidy
from litellm_plugins.compression.segments import Kind, Segment, segments


def lossless(text: str, *, tables_before: int = 0) -> str:
    """`text` with less white space, JSON written tightly or as tables, and repeated passages named, not repeated.

    What was done before is not done again: a text that holds our marks keeps them.

    Args:
        text: It.
        tables_before: How many tables were made of what stands before it: numbers must not repeat in a message.
    """
    as_tables = not tables.has_marks(text)
    return passages.refer(_tightened(text, segments(text), as_tables=as_tables, made=tables_before))


def tightened(text: str, cut: tuple[Segment, ...] | None = None) -> str:
    """`text` with less white space and tight JSON only: what `restore(lossless(text))` is.

    Args:
        text: It.
        cut: Its segments, where they are known.
    """
    return _tightened(text, segments(text) if cut is None else cut, as_tables=False)


def restore(text: str) -> str:
    """The way back from `lossless`: repeated passages and JSON stand there again. White space that went stays away."""
    return tables.restore(passages.restore(text))


def _tightened(text: str, cut: tuple[Segment, ...], *, as_tables: bool, made: int = 0) -> str:
    out: list[str] = []
    for at, segment in enumerate(cut):
        if segment.kind is Kind.PROSE:
            out.append(tidy(segment.text, opens=not out or out[-1].endswith("\n"), closes=at + 1 == len(cut)))
        elif segment.kind is Kind.JSON:
            tight = minify(segment.text)
            table = (
                tables.tabulate(tight, first=made + 1)
                if as_tables and _stands_free(text, segment.start, segment.end)
                else None
            )
            if table:
                made += table.count
                tight = table.text
            out.append(tight)
        else:
            out.append(segment.text)
    return "".join(out)


def _stands_free(text: str, start: int, end: int) -> bool:
    """Whether nothing else stands on its lines, not even white space at their end: a table needs lines of its own."""
    return not text[text.rfind("\n", 0, start) + 1 : start].strip() and text[end : end + 1] in ("", "\n")
