"""Where a request went, and what was found of a cheaper tier's answer."""

from __future__ import annotations

from dataclasses import dataclass

from litellm_plugins.model import RouteReason


@dataclass(frozen=True, slots=True)
class RouteDecided:
    """A router said which model a request goes to. Told before a budget may lower that, and again where one does."""

    router: str
    tier: str
    model: str  # the model group
    score: float  # in [0, 1]: the expected gain of the stronger model
    reason: RouteReason
    because: tuple[str, ...] = ()  # the scorer's words, the strongest first
    scorer: str = ""
    model_group: str = ""  # as asked: the router, or an old model that it may serve
    team: str = ""
    key: str = ""
    shadow: bool = False  # nothing was changed
    took_ms: float = 0.0
    experiment: str = ""
    arm: str = ""  # of the experiment: `control`, or one with a model of its own
    max_tokens: int | None = None  # of the answer, where the tier set or lowered it
    path: tuple[str, ...] = ()  # of a cascade: the tiers that were asked, in their order
    escalated: str = ""  # the check that the answer before the last did not pass
    kept: str = ""  # why no dearer tier's answer is served


@dataclass(frozen=True, slots=True)
class AnswerChecked:
    """A tier's answer was checked, where a dearer tier may be asked."""

    router: str
    tier: str
    to: str  # the dearer tier
    fault: str  # the check that it did not pass; empty: it passed
    kept: str  # why it is served all the same (`KeptReason`); empty: the dearer tier's is served
    model_group: str = ""
    team: str = ""
    key: str = ""
    took_ms: float = 0.0  # of the checks
