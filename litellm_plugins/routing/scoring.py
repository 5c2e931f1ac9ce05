"""What a scorer promises: one number for a conversation, and words that say why. Thresholds are not its business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from litellm_plugins.routing.conversation import Conversation

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector


@dataclass(frozen=True, slots=True)
class Score:
    """The expected gain of the stronger model."""

    value: float
    """In [0, 1]; higher needs the stronger model more."""
    because: tuple[str, ...]
    """A few lower_snake words, the strongest first."""


class Scorer(Protocol):
    """Gives every conversation a score, from it alone: no clock, no I/O, no memory of others."""

    @property
    def name(self) -> str:
        """The word by which settings, headers and tables name it."""
        ...

    @property
    def needs_embedding(self) -> bool:
        """Whether `score` wants the question's embedding."""
        ...

    def score(self, conversation: Conversation, embedding: Vector | None) -> Score:
        """Judge `conversation`; `embedding` is that of its question, the cache's own, None where there is none."""
        ...


@runtime_checkable
class KnowsItsScores(Protocol):
    """A scorer whose scores are no even spread over [0, 1], and that knows where they lie."""

    def thresholds(self, tiers: int) -> tuple[float, ...]:
        """One less than `tiers`, rising: where its scores of everyday traffic fall into so many equal parts."""
        ...


def thresholds_of(scorer: Scorer, tiers: int) -> tuple[float, ...]:
    """Where to part its scores while nobody has calibrated them: one less than `tiers`."""
    if isinstance(scorer, KnowsItsScores):
        return scorer.thresholds(tiers)
    return tuple(number / tiers for number in range(1, tiers))
