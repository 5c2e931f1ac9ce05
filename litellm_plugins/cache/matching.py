"""Is the nearest entry near enough? Pure: candidates in, a verdict out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from litellm_plugins.cache.store import Neighbour
from litellm_plugins.model import Reason

# With its sign, but not with the dash of a range ("3-5").
_NUMBER = re.compile(r"(?:(?<![\w.)\]])[-\u2212])?\d+(?:[.,:/]\d+)*")


@dataclass(frozen=True, slots=True)
class Match:
    """The entry to serve."""

    neighbour: Neighbour


@dataclass(frozen=True, slots=True)
class NoMatch:
    """Why nothing is served, and how near the nearest entry was (None: there was none)."""

    reason: Reason
    similarity: float | None = None


def judge(
    question: str, neighbours: Sequence[Neighbour], *, threshold: float, guard_numbers: bool = True
) -> Match | NoMatch:
    """The nearest neighbour whose cosine reaches `threshold` and whose numbers are the question's.

    Embeddings hardly see numbers ("2+2" and "2+3" are 0.96 alike), hence the guard.
    """
    if not neighbours:
        return NoMatch(Reason.EMPTY)
    ranked = sorted(neighbours, key=lambda n: -n.similarity)
    best = ranked[0].similarity
    near = [n for n in ranked if n.similarity >= threshold]
    if not near:
        return NoMatch(Reason.BELOW_THRESHOLD, best)
    for neighbour in near:
        if not guard_numbers or numbers_in(neighbour.question) == numbers_in(question):
            return Match(neighbour)
    return NoMatch(Reason.NUMBERS_DIFFER, best)


def numbers_in(text: str) -> list[str]:
    """The numbers of a text as written, sorted: "24 hours, 2 times" gives ["2", "24"]."""
    return sorted(_NUMBER.findall(text))
