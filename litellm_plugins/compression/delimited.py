"""What stands between two signs: quotations, code in backticks, formulas."""

from __future__ import annotations

import re
from collections.abc import Iterator

from litellm_plugins.compression.spans import Kind, Span

_SINGLE = re.compile(r"(?<!\w)'[^'\n]{1,200}'(?!\w)")
# Opening sign, closing sign, most characters between them. What is longer is no quotation, or a sign was forgotten.
_PAIRS: tuple[tuple[Kind, str, str, int], ...] = (
    (Kind.CODE, "``", "``", 500),
    (Kind.CODE, "`", "`", 500),
    (Kind.QUOTE, '"', '"', 1000),
    (Kind.QUOTE, "\u201c", "\u201d", 1000),
    (Kind.QUOTE, "\u201e", "\u201c", 1000),
    (Kind.QUOTE, "«", "»", 1000),
    (Kind.QUOTE, "\u300c", "\u300d", 1000),
    (Kind.QUOTE, "\u300e", "\u300f", 1000),
    (Kind.QUOTE, "\u300a", "\u300b", 300),
    (Kind.QUOTE, "\u2018", "\u2019", 300),
    (Kind.MATHS, "$$", "$$", 1000),
    (Kind.MATHS, "$", "$", 300),
    (Kind.MATHS, "\\(", "\\)", 1000),
    (Kind.MATHS, "\\[", "\\]", 1000),
)


def delimited(text: str) -> Iterator[Span]:
    """All of them; they may overlap."""
    for kind, opening, closing, limit in _PAIRS:
        for start, end in between(text, opening, closing, limit):
            yield Span(kind, start, end)
    for found in _SINGLE.finditer(text):
        yield Span(Kind.QUOTE, found.start(), found.end())


def between(text: str, opening: str, closing: str, limit: int) -> Iterator[tuple[int, int]]:
    """Start and end of each pair, its signs included. Every sign is looked for once."""
    at = 0
    close = -1
    while (start := text.find(opening, at)) >= 0:
        inside = start + len(opening)
        if close < inside:
            close = text.find(closing, inside)
            if close < 0:
                return
        if 0 < close - inside <= limit and _opens(text, start, inside, close, opening == closing):
            at = close + len(closing)
            yield start, at
        else:
            at = inside


def _opens(text: str, start: int, inside: int, close: int, same: bool) -> bool:
    """Where both signs are alike, `5" pipe` opens nothing; and no pair reaches over a blank line.

    Nor do two prices make a formula: no blank stands before its last `$`, and no digit behind it (as in Pandoc).
    """
    if text[start:inside] == "$" and (text[close - 1].isspace() or text[close + 1 : close + 2].isdigit()):
        return False
    if same and (text[inside].isspace() or (start and text[start - 1].isalnum())):
        return False
    return "\n\n" not in text[inside:close]
