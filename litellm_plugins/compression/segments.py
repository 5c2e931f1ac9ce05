"""A text cut into prose and what must never be touched. Joined, the segments are the text, byte for byte.

In doubt something counts as untouchable: prose left alone costs tokens, a changed line of code costs the answer.
Every step is linear in the text, whatever it holds.
"""

from __future__ import annotations

from litellm_plugins.compression.blocks import blocks
from litellm_plugins.compression.inline import inline
from litellm_plugins.compression.spans import Kind, Segment, Span

__all__ = ["Kind", "Segment", "segments"]


def segments(text: str) -> tuple[Segment, ...]:
    """`text` as segments in their order, none empty; what lies between two untouchable ones is one of prose."""
    spans: list[Span] = []
    at = 0
    for block in [*blocks(text), Span(Kind.PROSE, len(text), len(text))]:
        if at < block.start:
            spans.extend(inline(text, at, block.start))
        if block.start < block.end:
            spans.append(block)
        at = block.end
    cut: list[Segment] = []
    at = 0
    for span in spans:
        if at < span.start:
            cut.append(Segment(text[at : span.start], Kind.PROSE, at, span.start))
        cut.append(Segment(text[span.start : span.end], span.kind, span.start, span.end))
        at = span.end
    if at < len(text):
        cut.append(Segment(text[at:], Kind.PROSE, at, len(text)))
    return tuple(cut)
