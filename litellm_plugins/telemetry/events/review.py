"""Answers that are worth a look, and what was said of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReviewKept:
    """A served answer is worth a reviewer's look."""

    kind: str  # hit, route, compression, answer
    why: str  # of review.items
    item: str  # its id
    team: str = ""


@dataclass(frozen=True, slots=True)
class ReviewJudged:
    """Somebody said whether an answer was right, and what that did."""

    item: str
    kind: str
    verdict: str  # right, wrong; of an end user up, down
    source: str  # human, judge, langfuse, file; thumb
    team: str = ""
    layer: str = ""
    effects: tuple[str, ...] = ()
