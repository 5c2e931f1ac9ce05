"""What the cache decided, stored, checked and learned; what came of identical requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from litellm_plugins.model import JudgeOutcome, Layer, Outcome, Part, Reason


@dataclass(frozen=True, slots=True)
class CacheDecided:
    """The cache said what it does with one request."""

    layer: Layer
    reason: Reason
    endpoint: str
    model_group: str
    team: str = ""
    key: str = ""
    stream: bool = False
    similarity: float | None = None  # cosine of the served, or of the nearest, entry
    probability: float | None = None  # that the nearest answer is right, where a verifier said so
    cache_id: str | None = None
    matched_question: str | None = None  # told to the trace only: it is a user's text
    saved_nano_usd: int = 0
    saved_tokens: int = 0
    decision_ms: float = 0.0
    volatility: str = ""  # the class of the prompt; none where it has not been looked at
    would: Layer | None = None  # who would have answered, had it not been answered afresh
    waited_ms: float = 0.0  # for the answer of another who asked the same; no part of `decision_ms`


@dataclass(frozen=True, slots=True)
class AnswerHandled:
    """A fresh answer was stored (`refusal` is None) or not."""

    model_group: str
    refusal: Reason | None


@dataclass(frozen=True, slots=True)
class CacheChecked:
    """A hit that was answered afresh was compared with the fresh answer."""

    layer: Layer
    reason: Reason
    outcome: Outcome
    model_group: str
    team: str = ""
    similarity: float | None = None
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class StalenessMeasured:
    """How many of a layer's answers would be others today, by the last checks of this worker."""

    layer: Layer
    share: float
    checks: int
    ringing: bool  # it is above cache.stale_alarm_rate
    changed: bool  # the alarm began, or ended


@dataclass(frozen=True, slots=True)
class AnswersJudged:
    """A judge was, or was to be, asked whether a fresh answer and a cached one say the same."""

    outcome: JudgeOutcome
    model_group: str  # the judge
    cost_nano_usd: int = 0
    took_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class RequestsMerged:
    """What a request did that others may have made at the same time."""

    part: Part
    model_group: str
    team: str = ""
    waited_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class TextEmbedded:
    """A text was embedded for a look-up or a store; those that the memo knew are not among them."""

    took_ms: float


@dataclass(frozen=True, slots=True)
class VerifierMeasured:
    """How far the verifier has come, and the errors per request that it expects beside each promised rate."""

    labels: int
    fit_version: int  # 0: before the first
    error_rates: Mapping[str, float] = field(default_factory=dict)  # by the promised rate, as the settings write it
