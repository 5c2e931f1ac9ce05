"""All lossless methods on one text, and the way back."""

from __future__ import annotations

from litellm_plugins.compression.lossless import passages, tables
from litellm_plugins.compression.lossless.json_text import minify
from litellm_plugins.compression.lossless.whitespace import tidy
from litellm_plugins.compression.segments import Kind, segments


def lossless(text: str) -> str:
    """`text` with less white space, JSON written tightly or as tables, and repeated passages named, not repeated.

    What was done before is not done again: a text that holds our marks keeps them.
    """
    return passages.refer(_tightened(text, as_tables=not tables.has_marks(text)))


def tightened(text: str) -> str:
    """`text` with less white space and tight JSON only: what `restore(lossless(text))` is."""
    return _tightened(text, as_tables=False)


def restore(text: str) -> str:
    """The way back from `lossless`: repeated passages and JSON stand there again. White space that went stays away."""
    return tables.restore(passages.restore(text))


def _tightened(text: str, *, as_tables: bool) -> str:
    out: list[str] = []
    made = 0
    found = segments(text)
    for at, segment in enumerate(found):
        if segment.kind is Kind.PROSE:
            out.append(tidy(segment.text, opens=not out or out[-1].endswith("\n"), closes=at + 1 == len(found)))
        elif segment.kind is Kind.JSON:
            tight = minify(segment.text)
            table = tables.tabulate(tight, first=made + 1) if as_tables and _stands_free(text, segment.start) else None
            if table:
                made += table.count
                tight = table.text
            out.append(tight)
        else:
            out.append(segment.text)
    return "".join(out)


def _stands_free(text: str, start: int) -> bool:
    """Whether only white space stands before it on its line: a table needs lines of its own."""
    return not text[text.rfind("\n", 0, start) + 1 : start].strip()
