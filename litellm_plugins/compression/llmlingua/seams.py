"""Where words were left out, what stays on both sides may read as something that nobody wrote. Pure.

`Note 15: the year` without `: the` says `15 year`, `1200 of the 4500` says `1200 4500`, and `follow-up` without
`follow` is an option of a command.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from litellm_plugins.compression.checker import held

Span = tuple[int, int]
_NEAR = 2  # characters beside a number or a name that decide how it is read


@dataclass(frozen=True, slots=True)
class Seam:
    """`run` of the original is gone; between `start` and `end` of what is left there is white space or nothing."""

    start: int
    end: int
    run: Span


def misread(left: str, seams: Sequence[Seam], stated: Collection[Span]) -> Iterator[Span]:
    """The runs that have to come back, so that each number, name and quotation of `left` is one of the original.

    Args:
        left: What is left of a text.
        seams: All of its seams, in their order.
        stated: Where the original has what `held` finds.
    """
    starts, ends = [seam.start for seam in seams], [seam.end for seam in seams]
    for begin, stop in held(left):
        near = seams[bisect_left(ends, begin - _NEAR) : bisect_right(starts, stop + _NEAR)]
        within = [seam.run for seam in near if begin < seam.start and seam.end < stop]
        if within:
            yield from within
        elif near:
            last = bisect_right(ends, begin) - 1
            moved = seams[last].run[1] - ends[last] if last >= 0 else 0
            if (begin + moved, stop + moved) not in stated:
                yield from (seam.run for seam in near)
