"""White space that no reader reads."""

from __future__ import annotations

import re

_BLANKS = re.compile(r" {2,}")


def tidy(prose: str, *, opens: bool, closes: bool) -> str:
    """A piece of prose without blanks at the end of lines, doubled blanks, and more than one blank line in a row.

    Indentation, tabs and line ends stay as they are.

    Args:
        prose: What lies between two segments that stay as they are.
        opens: Whether it begins at the beginning of a line.
        closes: Whether it is the end of the text.
    """
    lines = prose.split("\n")
    out: list[str] = []
    for at, line in enumerate(lines):
        last = at == len(lines) - 1
        tight = _line(line, indented=opens or at > 0, ends=not last, closes=last and closes)
        inner = 0 < at < len(lines) - 1
        if inner and not tight.strip() and len(out) > 1 and not out[-1].strip():
            continue
        out.append(tight)
    return "\n".join(out)


def _line(line: str, *, indented: bool, ends: bool, closes: bool) -> str:
    body = line.lstrip(" \t") if indented else line
    lead = line[: len(line) - len(body)]
    if ends:
        kept = body.rstrip(" \t")
        if body.endswith("\r"):
            kept = body[:-1].rstrip(" \t") + "\r"
        body = kept
        lead = lead if body.strip() else ""
    elif closes and not body:
        lead = lead[:1]
    return lead + _BLANKS.sub(" ", body)
