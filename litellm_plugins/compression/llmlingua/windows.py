"""A long text in windows that the model can read: about equally long, cut where a sentence or a word ends. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

Span = tuple[int, int]
_ENDS = ".!?\u3002\uff01\uff1f"
_BACK = 0.25  # of a window that may be given up for a better place to cut


def windows(text: str, offsets: Sequence[Span], most: int) -> list[Span]:
    """Spans of `text` that together are all of it, each with `most` of the tokens at `offsets` at most.

    None is much shorter than the others: of each the same share is kept, and of a few words that says little.
    """
    if not offsets:
        return []
    wanted = math.ceil(len(offsets) / math.ceil(len(offsets) / most))
    cut: list[Span] = []
    begin, first = 0, 0
    while len(offsets) - first > most:
        last = _best_cut(text, offsets, first + max(1, int(wanted * (1 - _BACK))), first + min(wanted, most))
        end = offsets[last][0]
        cut.append((begin, end))
        begin, first = end, last
    return [*cut, (begin, len(text))]


def _best_cut(text: str, offsets: Sequence[Span], least: int, most: int) -> int:
    """The token before which to cut: after a paragraph, else a sentence, else a word, else anywhere."""
    best, worth = most, -1
    for at in range(most, least - 1, -1):
        before, onward = text[offsets[at - 1][1] - 1], text[offsets[at - 1][1] : offsets[at][1]]
        gap = onward[: len(onward) - len(onward.lstrip())]  # some tokenizers count the space to the word
        here = 3 if "\n" in gap else 2 if before in _ENDS else 1 if gap else 0
        if here > worth:
            best, worth = at, here
    return best
