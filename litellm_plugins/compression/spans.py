"""What a text is cut into."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a segment holds. Only `PROSE` may be reworded or dropped; `JSON` may be written more tightly."""

    PROSE = "prose"
    CODE = "code"
    JSON = "json"
    YAML = "yaml"
    MARKUP = "markup"
    TABLE = "table"
    MATHS = "maths"
    QUOTE = "quote"
    URL = "url"
    EMAIL = "email"
    PATH = "path"
    ID = "id"
    NUMBER = "number"
    TRACE = "trace"
    DIFF = "diff"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a text: `text[start:end]`, in characters."""

    text: str
    kind: Kind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Span:
    """Where something untouchable lies, in characters."""

    kind: Kind
    start: int
    end: int


def merged(spans: list[Span]) -> list[Span]:
    """In order, none overlapping: where some do, one span covers them all and is what the first of them was."""
    out: list[Span] = []
    for span in sorted(spans, key=lambda found: (found.start, -found.end)):
        if out and span.start < out[-1].end:
            if span.end > out[-1].end:
                out[-1] = Span(out[-1].kind, out[-1].start, span.end)
        else:
            out.append(span)
    return out
