"""What must not be touched within prose: names of things, numbers, quotations, formulas."""

from __future__ import annotations

import re

from litellm_plugins.compression.delimited import delimited
from litellm_plugins.compression.json_spans import within
from litellm_plugins.compression.numbers import NUMBER
from litellm_plugins.compression.patterns import EMAIL, URL
from litellm_plugins.compression.spans import Kind, Span, merged
from litellm_plugins.compression.tokens_in_prose import tokens

# Each begins with a sign that is rare in prose, and every repetition is bounded or cannot fail: none takes long.
_PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (Kind.URL, URL),
    (Kind.ID, re.compile(r"\bdata:[\w/+.-]{1,60};base64,[A-Za-z0-9+/=]+")),
    (Kind.EMAIL, EMAIL),
    (Kind.MARKUP, re.compile(r"</?[A-Za-z_][^<>\n]{0,300}>|<!--[^<>]{0,300}-->|<\|[\w|]{1,60}\|>")),
    (
        Kind.CODE,
        re.compile(
            r"\{\{[^{}\n]{1,100}\}\}|\$?\{[\w.\-]{1,60}\}|\[/?[A-Z]{3,20}\]|%\(\w{1,40}\)[sdf]|&[a-z]{2,8};|&#\d{1,7};"
        ),
    ),
    (Kind.MATHS, re.compile(r"\\[A-Za-z]{1,30}(?:\{[^{}\n]{0,200}\})*")),
    (Kind.NUMBER, NUMBER),
)


def inline(text: str, start: int, end: int) -> list[Span]:
    """Untouchable spans of `text[start:end]`, in their order, none overlapping; offsets are of `text`."""
    piece = text[start:end]
    spans = [Span(kind, *found.span()) for kind, pattern in _PATTERNS for found in pattern.finditer(piece)]
    spans.extend(Span(Kind.CODE, *found) for found in within(piece))
    spans.extend((*delimited(piece), *tokens(piece)))
    return [Span(span.kind, span.start + start, span.end + start) for span in merged(spans)]
