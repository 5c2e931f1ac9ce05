"""Requests that may wait."""

from __future__ import annotations

from dataclasses import dataclass

from litellm_plugins.model import DeferReason


@dataclass(frozen=True, slots=True)
class DeferralDecided:
    """A request whose client lets it wait was put off, or was not."""

    outcome: str  # deferred, immediate, refused
    reason: DeferReason
    model_group: str  # as asked
    team: str = ""
    key: str = ""
    feature: str = ""


@dataclass(frozen=True, slots=True)
class DeferralEnded:
    """A request that was put off is over."""

    status: str  # completed, failed, expired, cancelled
    reason: str  # why it has no answer
    model_group: str
    team: str = ""
    key: str = ""
    feature: str = ""
    waited_s: float = 0.0
    spent_nano_usd: int = 0
    saved_nano_usd: int = 0  # of what it would have cost at once


@dataclass(frozen=True, slots=True)
class DeferralsMeasured:
    """How many requests wait, and how many a provider has."""

    queued: int
    submitted: int
