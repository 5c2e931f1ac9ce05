"""What of a text a model may look at, and what of that has to stay whatever the model says. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from litellm_plugins.compression.checker import held, negated, quoted
from litellm_plugins.compression.segments import Kind, segments

Span = tuple[int, int]
# They stand inside sentences. All else (code, JSON, tables, …) is a block: the model never sees it.
_INLINE = {Kind.URL, Kind.EMAIL, Kind.PATH, Kind.ID, Kind.NUMBER, Kind.QUOTE}
_LAST_WORD, _FIRST_WORD = re.compile(r"\S+[ \t]*\Z"), re.compile(r"[ \t]*\S+")
_NEAR = 40  # characters to either side of a negation in which its words stand
_LEAST = 80  # characters: of a shorter stretch there is nothing to gain


@dataclass(frozen=True, slots=True)
class Stretch:
    """Characters `start` to `end` of a text: sentences, and what of them stays, counted from `start`."""

    start: int
    end: int
    keep: tuple[Span, ...]


def stretches(text: str) -> Iterator[Stretch]:
    """The prose of `text`, with what stands inside its sentences; long enough to be worth a call."""
    begin: int | None = None
    keep: list[Span] = []
    for part in segments(text):
        inline = part.kind is Kind.PROSE or (part.kind in _INLINE and not part.text.startswith(">"))
        if inline:
            begin = part.start if begin is None else begin
            if part.kind is not Kind.PROSE:
                keep.append((part.start, part.end))
        elif begin is not None:
            yield from _stretch(text, begin, part.start, keep)
            begin, keep = None, []
    if begin is not None:
        yield from _stretch(text, begin, len(text), keep)


def _stretch(text: str, start: int, end: int, keep: Sequence[Span]) -> Iterator[Stretch]:
    if end - start < _LEAST:
        return
    prose = text[start:end]
    stays = [(begin - start, stop - start) for begin, stop in keep]
    stays += held(prose)
    stays += quoted(prose)
    stays += [_with_neighbours(prose, begin, stop) for begin, stop in negated(prose)]
    yield Stretch(start, end, _joined(stays))


def _with_neighbours(text: str, start: int, end: int) -> Span:
    """A negation with the words beside it: `did not approve`, of which `not` alone would say nothing."""
    before, after = _LAST_WORD.search(text, max(0, start - _NEAR), start), _FIRST_WORD.match(text, end, end + _NEAR)
    return before.start() if before else start, after.end() if after else end


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    out: list[Span] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return tuple(out)
