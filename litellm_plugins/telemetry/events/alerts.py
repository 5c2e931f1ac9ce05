"""What somebody is to be told of, and whether it was sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BudgetAlert:
    """Something about a budget is worth telling; each worker's log has only those that it told itself."""

    told: Mapping[str, object]  # as a webhook gets it
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class AnomalyFound:
    """Money, tokens or failures move strangely; over all workers told once, by whichever does."""

    kind: str  # of insight.anomalies
    told: Mapping[str, object]  # as a webhook gets it
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class AlertHandled:
    """An alert was sent to a receiver, or could not be."""

    receiver: str  # the NAME of the variable with its URL
    outcome: str  # sent, failed
