"""A text by its lines, each read once."""

from __future__ import annotations

from dataclasses import dataclass

CLIP = 300  # characters of a line that its signs are looked for in: what a pattern may cost is bounded by it


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a text without their line feeds, and what is asked of them all the time."""

    text: str
    heads: tuple[str, ...]  # the first `CLIP` characters
    bare: tuple[str, ...]  # the same without white space around them; "" is a blank line
    starts: tuple[int, ...]
    ends: tuple[int, ...]  # without the line's end

    def __len__(self) -> int:
        return len(self.heads)

    def whole(self, at: int) -> str:
        """The line, however long it is."""
        return self.text[self.starts[at] : self.ends[at]]

    def tail(self, at: int) -> str:
        """Its last characters, without white space at the end."""
        return self.text[max(self.starts[at], self.ends[at] - CLIP) : self.ends[at]].rstrip()

    def indent(self, at: int) -> int:
        """Columns of white space before the first sign; a tab counts four."""
        head = self.heads[at]
        lead = head[: len(head) - len(head.lstrip())]
        return len(lead) + 3 * lead.count("\t")

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Characters of lines `first` to before `last`, without the last one's end."""
        return self.starts[first], self.ends[last - 1]


def lines_of(text: str) -> Lines:
    """`text` by its lines."""
    heads, bare, starts, ends = [], [], [], []
    at = 0
    for line in text.split("\n"):
        heads.append(line[:CLIP])
        bare.append(line[:CLIP].strip() or line.strip()[:CLIP])
        starts.append(at)
        ends.append(at + len(line))
        at += len(line) + 1
    return Lines(text, tuple(heads), tuple(bare), tuple(starts), tuple(ends))
