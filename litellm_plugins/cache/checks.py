"""Hits that were answered afresh instead of being served, and what the fresh answer said of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from litellm_plugins.model import Layer, Outcome, Reason

if TYPE_CHECKING:
    from litellm_plugins.cache.store import Entry


@dataclass(frozen=True, slots=True)
class Withheld:
    """What would have been served. `entry` is None where only its key was looked at: the assessed candidate."""

    layer: Layer
    weight: float  # hits that it stands for: 1 over the chance that it was withheld
    answer_id: bytes
    entry: Entry | None = None
    compared: bool = True  # False: the model is not asked whether a person was right


@dataclass(frozen=True, slots=True)
class Check:
    """One such hit, compared. Holds no text of anybody."""

    at: float  # UNIX seconds
    layer: Layer
    reason: Reason  # shadow, shadow_check or recheck
    outcome: Outcome
    weight: float
    model_group: str
    team: str  # the id; "" where the key has none
    similarity: float | None = None
    probability: float | None = None  # that the answer is right, where a verifier said so


class CheckStore(Protocol):
    """Keeps the newest checks of every worker. Raises `StoreUnavailable` when it cannot answer."""

    async def add(self, check: Check) -> None:
        """Keep `check`; the oldest make room."""

    async def newest(
        self, limit: int, *, since: float = 0.0, team: str | None = None, model_group: str | None = None
    ) -> list[Check]:
        """Up to `limit` checks, newest first: made at `since` or later, of that team and model where named."""
