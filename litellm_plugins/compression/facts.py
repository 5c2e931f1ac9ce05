"""Where in prose something stands that must not go with its sentence."""

from __future__ import annotations

import re

from litellm_plugins.compression.checker import negated, quoted
from litellm_plugins.compression.pieces import Range
from litellm_plugins.compression.segments import Kind, segments

_HELD = "\0"  # stands for a sign that is no prose
_LINE = re.compile(r"[^\n]+")
# Of these a sentence may be full, and still be about something else than what is asked.
_OF_PROSE = frozenset({Kind.PROSE, Kind.NUMBER, Kind.QUOTE, Kind.ID})


def facts(text: str) -> list[Range]:
    """Whatever the strict checker looks for: numbers, negations, quotations, and what `machine_written` finds."""
    protected = [(part.start, part.end) for part in segments(text) if part.kind is not Kind.PROSE]
    return sorted([*protected, *negated(text), *quoted(text)])


def machine_written(text: str) -> list[Range]:
    """Code, data, formulas, markup, addresses and paths; and lines of numbers and strings without a word."""
    cut = segments(text)
    plain = "".join(part.text if part.kind is Kind.PROSE else _HELD * len(part.text) for part in cut)
    bare = [line.span() for line in _LINE.finditer(plain) if _HELD in line[0] and not any(map(str.isalpha, line[0]))]
    return sorted([*((part.start, part.end) for part in cut if part.kind not in _OF_PROSE), *bare])
