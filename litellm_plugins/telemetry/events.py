"""The events, and how they reach the sinks."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from litellm_plugins.model import (
    BudgetReason,
    BudgetState,
    DeferReason,
    HistoryOutcome,
    HistoryReason,
    JudgeOutcome,
    Layer,
    Outcome,
    OutputLimit,
    Part,
    PromptCacheReason,
    Reason,
    RefusalReason,
    RouteReason,
    StopRule,
)

_LOG = logging.getLogger(__name__)


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
class StageFailed:
    """A stage broke and the request went on without it."""

    stage: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class AnswersJudged:
    """A judge was, or was to be, asked whether a fresh answer and a cached one say the same."""

    outcome: JudgeOutcome
    model_group: str  # the judge
    cost_nano_usd: int = 0
    took_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class BudgetDecided:
    """The budgets said what becomes of one request."""

    state: BudgetState
    reason: BudgetReason
    model_group: str
    budget: str = ""  # the tightest of those that cover it; of a denial the one without room
    remaining_nano_usd: int | None = None
    reserved_nano_usd: int = 0
    team: str = ""
    key: str = ""
    degraded_to: str = ""  # another model group than was asked for
    took_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class BudgetSettled:
    """What one call cost was booked."""

    model_group: str
    budgets: tuple[str, ...]  # the names of those that it was booked on
    nano_usd: int = 0
    tokens: int = 0
    reserved_nano_usd: int = 0
    ending: str = ""  # how it ended: success, failure, or gone: nobody said


@dataclass(frozen=True, slots=True)
class RequestsMerged:
    """What a request did that others may have made at the same time."""

    part: Part
    model_group: str
    team: str = ""
    waited_ms: float = 0.0


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
class PromptCompressed:
    """A request for which compression is on was made shorter, or not."""

    reason: str  # `CompressionReason`, or lost_…: what the checker missed
    methods: tuple[str, ...]
    endpoint: str
    model_group: str  # as asked
    team: str = ""
    key: str = ""
    feature: str = ""
    tokens_before: int | None = None  # of the whole prompt; None: it was not counted
    tokens_after: int | None = None
    saved_nano_usd: int = 0  # by the list price of what goes in
    took_ms: float = 0.0

    @property
    def saved_tokens(self) -> int:
        """How many went."""
        return (self.tokens_before or 0) - (self.tokens_after or 0)


@dataclass(frozen=True, slots=True)
class HistoryCut:
    """A conversation for which there is a budget went out without its old turns, or not. Tokens are those of turns."""

    outcome: HistoryOutcome
    reason: HistoryReason
    endpoint: str
    model_group: str  # as asked
    team: str = ""
    key: str = ""
    feature: str = ""
    turns: int = 0  # 0: they were not counted
    turns_gone: int = 0
    tokens_before: int | None = None  # None: they were not counted
    tokens_after: int | None = None  # with the summary
    saved_nano_usd: int = 0  # by the list price of what goes in; what a summary costs is in `own_nano_usd`
    took_ms: float = 0.0

    @property
    def saved_tokens(self) -> int:
        """How many went; a summary that is longer than the turns saved none."""
        return max(0, (self.tokens_before or 0) - (self.tokens_after or 0))


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


@dataclass(frozen=True, slots=True)
class PromptCacheDecided:
    """A request got marks for the provider's prompt cache, or got none."""

    reason: PromptCacheReason
    model_group: str  # that is asked
    marks: int = 0  # of the pack
    ttl: str = ""  # of the first
    tokens: int = 0  # of the longest prefix that came before, as estimated
    family: str = ""
    team: str = ""
    key: str = ""
    volatile: str | None = None  # what became of its dates and ids, a VolatileReason; None: `move_volatile` is off
    moved: int | None = None  # lines of it that stand at the end of the system prompt now


@dataclass(frozen=True, slots=True)
class OutputLimited:
    """The answer that is about to be made is held to limits."""

    limits: tuple[OutputLimit, ...]
    endpoint: str
    model_group: str  # as asked
    feature: str = ""
    team: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class PromptAssembled:
    """The sections of a declared system prompt that a request got, and those that it did not need."""

    prompt: str
    sections: tuple[str, ...] = ()  # in the order in which they are sent
    left_out: tuple[str, ...] = ()
    tokens: int = 0  # of the sections that are sent, as GPT-4o counts
    tokens_left_out: int = 0
    endpoint: str = ""
    model_group: str = ""  # as asked
    feature: str = ""
    team: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class PromptCacheUsed:
    """What the provider's prompt cache did with one prompt."""

    family: str
    model_group: str
    team: str = ""
    prompt_tokens: int = 0
    read_tokens: int = 0
    written_5m_tokens: int = 0
    written_1h_tokens: int = 0
    saved_nano_usd: int = 0  # by reading
    extra_nano_usd: int = 0  # that writing cost beyond the price of input


@dataclass(frozen=True, slots=True)
class StreamStopped:
    """A stream was ended before its model was done."""

    rule: StopRule
    finish: str  # as its client was told: stop or length
    endpoint: str
    model_group: str
    team: str = ""
    key: str = ""
    feature: str = ""
    completion_tokens: int = 0  # that were generated by then


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


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """A request was not fit to be asked."""

    reason: RefusalReason
    endpoint: str
    model_group: str
    team: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class AccountMeasured:
    """What an account holds of one metric, in dollars or as a count; `limit` is None where there is none."""

    budget: str
    holder: str  # in words
    metric: str  # usd, tokens, requests
    spent: float
    reserved: float
    limit: float | None = None
    remaining: float | None = None


@dataclass(frozen=True, slots=True)
class BudgetsMeasured:
    """How the accounts stand: those that are shown, which are always the same ones and perhaps some more."""

    accounts: tuple[AccountMeasured, ...]
    vanished: tuple[tuple[str, str], ...] = ()  # budget and holder of those that stood there and are no more


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


@dataclass(frozen=True, slots=True)
class CallFinished:
    """A client's request is over, whichever way it ended; one for each, whatever was retried or fell back."""

    at_s: float  # UNIX seconds, of its end
    endpoint: str
    model_group: str  # as asked
    layer: Layer
    ending: str  # success, failure, gone (its client left), refused (by the pack, before a provider was asked)
    reason: str = ""  # of a failure the host's class of error, of a refusal the pack's reason
    fault: str = ""  # of a failure: client (what was asked, or who asked) or server (a provider, or this proxy)
    model: str = ""  # the group that answered, after fallbacks and degrading; none where no model did
    deployment: str = ""  # the provider's name of the model
    provider: str = ""
    team: str = ""
    key: str = ""
    user: str = ""
    end_user: str = ""
    feature: str = ""
    stream: bool = False
    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0  # those of them that the provider read from its cache
    completion_tokens: int = 0
    spent_nano_usd: int = 0  # what the provider bills, as the host prices it; 0 on hits
    own_nano_usd: int = 0  # embedding and judge calls made for it
    saved_nano_usd: int = 0  # on hits what the answer would have cost, else what compression saved
    saved_tokens: int = 0
    history_nano_usd: int = (
        0  # what leaving out old turns saved, less what their summary cost (a part of `own_nano_usd`)
    )
    history_tokens: int = 0
    prompt_cache_nano_usd: int = 0  # what reading from the provider's prompt cache saved, less what writing cost extra
    took_ms: float = 0.0
    first_token_ms: float | None = None
    attempts: int = 0  # calls of deployments
    call_id: str = ""  # the host's
    trace_id: str = ""
    route: str = ""  # of `Request`
    early_stop: str = ""  # the rule that ended its stream before its model was done


@dataclass(frozen=True, slots=True)
class OwnSpent:
    """The pack's own calls (an embedding, a judge) cost something for a request that is over: more than was told."""

    call: CallFinished
    nano_usd: int
    for_history: bool = False  # for a summary of old turns


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


@dataclass(frozen=True, slots=True)
class StoreMeasured:
    """The memory of the Redis that holds everything; `most_bytes` is None where it has no limit."""

    used_bytes: int
    most_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class DriftMeasured:
    """How far the ledger and the host's own count of a budget's spend are apart, as a share of the larger one."""

    budget: str
    share: float


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


@dataclass(frozen=True, slots=True)
class SinkFailed:
    """A sink raised, and what it was to tell is lost there."""

    sink: str


@dataclass(frozen=True, slots=True)
class QueueMeasured:
    """How a sink's queue stands in this worker, and what it could not take since that was told last."""

    queue: str
    depth: int
    dropped: Mapping[str, int] = field(default_factory=dict)  # by reason: full, failed, closed


Event = (
    CacheDecided
    | CallFinished
    | OwnSpent
    | TextEmbedded
    | VerifierMeasured
    | StoreMeasured
    | DriftMeasured
    | QueueMeasured
    | ReviewKept
    | ReviewJudged
    | SinkFailed
    | AnswerHandled
    | CacheChecked
    | StalenessMeasured
    | StageFailed
    | AnswersJudged
    | RequestsMerged
    | BudgetDecided
    | BudgetSettled
    | RequestRefused
    | RouteDecided
    | PromptCompressed
    | HistoryCut
    | StreamStopped
    | AnswerChecked
    | PromptAssembled
    | PromptCacheDecided
    | PromptCacheUsed
    | OutputLimited
    | DeferralDecided
    | DeferralEnded
    | DeferralsMeasured
    | BudgetsMeasured
    | BudgetAlert
    | AlertHandled
    | AnomalyFound
)


class Sink(Protocol):
    """A place where events are told. It must neither block nor raise."""

    def record(self, event: Event) -> None:
        """Tell `event`."""


class Telemetry:
    """Hands each event to every sink."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = tuple(sinks)

    def also(self, sink: Sink) -> None:
        """Tell this one, too, of what comes from now on."""
        self._sinks = (*self._sinks, sink)

    def emit(self, event: Event) -> None:
        """Tell `event` everywhere."""
        for sink in self._sinks:
            try:
                sink.record(event)
            except Exception:  # noqa: BLE001 - a request must never fail because of what is told of it
                _LOG.exception("%s could not tell of an event", type(sink).__name__)
                if not isinstance(event, SinkFailed):
                    self.emit(SinkFailed(type(sink).__name__))
