"""A text cut into the passages of prose that may be made shorter, and what stands between them and stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from litellm_plugins.compression.blocks import blocks
from litellm_plugins.compression.segments import Kind, Segment, segments

Range = tuple[int, int]
_JSON_SIGNS = ("{", "[")


@dataclass(frozen=True, slots=True)
class Pieces:
    """`around` has one more than there are passages: what stands before, between and after them, byte for byte.

    `groups` says of each passage which range it is from: a range with code or data in it has several.
    """

    around: tuple[str, ...]
    passages: tuple[str, ...]
    groups: tuple[int, ...]

    @property
    def text(self) -> str:
        """All of it together."""
        parts = [self.around[0]]
        for passage, after in zip(self.passages, self.around[1:], strict=True):
            parts += (passage, after)
        return "".join(parts)

    @property
    def ranges(self) -> list[Range]:
        """Where in `text` the ranges lie, with the code and data within them."""
        found: dict[int, Range] = {}
        at = len(self.around[0])
        for passage, after, group in zip(self.passages, self.around[1:], self.groups, strict=True):
            start = found[group][0] if group in found else at
            found[group] = (start, at + len(passage))
            at += len(passage) + len(after)
        return list(found.values())

    def with_passages(self, passages: Sequence[str]) -> Pieces:
        """The same with other passages, as many. Raises: ValueError."""
        if len(passages) != len(self.passages):
            raise ValueError(f"{len(self.passages)} passages were given, {len(passages)} came back")
        return replace(self, passages=tuple(passages))


def pieces_of(text: str, ranges: Sequence[Range], cut: Sequence[Segment] | None = None) -> Pieces:
    """The ranges without code, data, tables and other blocks, which are looked for in the text as a whole.

    A passage has no white space at its ends. JSON counts wherever it stands: a range may begin or end within it, where
    a string in it looks like a question.

    Args:
        text: The whole of it.
        ranges: What may be touched.
        cut: The text's segments, where they are known.
    """
    kept = [(span.start, span.end) for span in blocks(text)]
    if any(sign in text for sign in _JSON_SIGNS):
        kept += [(part.start, part.end) for part in cut or segments(text) if part.kind is Kind.JSON]
    free = [
        (*_bare(text, start, end), group)
        for group, (first, last) in enumerate(ranges)
        for start, end in _without(sorted(kept), first, last)
        if text[start:end].strip()
    ]
    around: list[str] = []
    at = 0
    for start, end, _ in free:
        around.append(text[at:start])
        at = end
    passages = tuple(text[start:end] for start, end, _ in free)
    return Pieces((*around, text[at:]), passages, tuple(group for *_, group in free))


def _bare(text: str, start: int, end: int) -> Range:
    """Without the white space at its ends: what stands between a passage and a block stays."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


def _without(kept: Sequence[Range], first: int, last: int) -> list[Range]:
    """`first` to `last` without what is kept."""
    found: list[Range] = []
    at = first
    for start, end in [*kept, (last, last)]:
        if end <= at:
            continue
        if at < min(start, last):
            found.append((at, min(start, last)))
        at = max(at, end)
        if at >= last:
            break
    return found
