"""Prometheus metrics, `litellm_plugins_*`, on the host's own `/metrics`.

Labels are bounded: model groups come from the config, layers and reasons from enums.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from litellm_plugins.model import Layer, Part
from litellm_plugins.telemetry.events import (
    AlertHandled,
    AnswerChecked,
    AnswerHandled,
    AnswersJudged,
    BudgetDecided,
    BudgetSettled,
    BudgetsMeasured,
    CacheChecked,
    CacheDecided,
    CallFinished,
    DeferralDecided,
    DeferralEnded,
    DeferralsMeasured,
    HistoryCut,
    OutputLimited,
    OwnSpent,
    PromptAssembled,
    PromptCacheDecided,
    PromptCacheUsed,
    PromptCompressed,
    RequestRefused,
    RequestsMerged,
    ReviewJudged,
    ReviewKept,
    RouteDecided,
    StageFailed,
    StalenessMeasured,
    StreamStopped,
)
from litellm_plugins.telemetry.sinks.labels import OTHER, BoundedLabels, clean
from litellm_plugins.telemetry.sinks.prometheus_batch import BatchMetrics
from litellm_plugins.telemetry.sinks.prometheus_budgets import BudgetMetrics
from litellm_plugins.telemetry.sinks.prometheus_calls import CallMetrics
from litellm_plugins.telemetry.sinks.prometheus_compression import CompressionMetrics
from litellm_plugins.telemetry.sinks.prometheus_health import HealthMetrics
from litellm_plugins.telemetry.sinks.prometheus_history import HistoryMetrics
from litellm_plugins.telemetry.sinks.prometheus_prompt_cache import PromptCacheMetrics
from litellm_plugins.telemetry.sinks.prometheus_review import ReviewMetrics
from litellm_plugins.telemetry.sinks.prometheus_routes import RouteMetrics

if TYPE_CHECKING:
    from litellm_plugins.telemetry.events import Event

_SIMILARITY_BUCKETS = (0.5, 0.6, 0.7, 0.75, 0.79, 0.82, 0.85, 0.88, 0.9, 0.92, 0.94, 0.96, 0.98, 0.99, 1.0)
_SCORE_BUCKETS = (0.1, 0.25, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99, 0.995, 1.0)
_DECISION_BUCKETS_S = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)

_WAIT_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_HITS = frozenset({Layer.EXACT, Layer.SEMANTIC, Layer.COALESCED})


class PrometheusSink:
    """Counts decisions, stores and failures. One instance per registry: a second would collide with it.

    `known_model` and `known_budget` say which names may become labels: a client can ask for any model, and a key bring
    along any budget, and each would be a series for ever.
    """

    def __init__(
        self,
        registry: CollectorRegistry = REGISTRY,
        *,
        known_model: Callable[[str], bool] = lambda _: True,
        known_budget: Callable[[str], bool] = lambda _: True,
        teams: BoundedLabels | None = None,
    ) -> None:
        self._known_model = known_model
        self._requests = Counter(
            "litellm_plugins_requests_total",
            "Requests by the layer that answered, and why",
            ["layer", "reason", "model_group"],
            registry=registry,
        )
        self._classes = Counter(
            "litellm_plugins_cache_classes_total",
            "Requests by the class of their prompt (how long its answer holds, and for whom)",
            ["class", "layer"],
            registry=registry,
        )
        self._similarity = Histogram(
            "litellm_plugins_cache_similarity_ratio",
            "Cosine similarity of the nearest cached question",
            ["layer"],
            buckets=_SIMILARITY_BUCKETS,
            registry=registry,
        )
        self._score = Histogram(
            "litellm_plugins_score_ratio",
            "The verifier's probability that the nearest cached answer is right",
            ["layer"],
            buckets=_SCORE_BUCKETS,
            registry=registry,
        )
        self._decision = Histogram(
            "litellm_plugins_decision_seconds",
            "Time the pack took to decide",
            ["layer"],
            buckets=_DECISION_BUCKETS_S,
            registry=registry,
        )
        self._saved_usd = Counter(
            "litellm_plugins_saved_usd_total",
            "Dollars not spent",
            ["cause", "model_group"],
            registry=registry,
        )
        self._saved_tokens = Counter(
            "litellm_plugins_saved_tokens_total",
            "Tokens not bought",
            ["cause", "model_group"],
            registry=registry,
        )
        self._answers = Counter(
            "litellm_plugins_cache_answers_total",
            "Fresh answers by what became of them: stored, or the reason why not",
            ["outcome", "model_group"],
            registry=registry,
        )
        self._withheld = Counter(
            "litellm_plugins_cache_withheld_total",
            "Requests that a layer would have answered, and that were answered afresh instead",
            ["layer", "reason", "model_group"],
            registry=registry,
        )
        self._checks = Counter(
            "litellm_plugins_cache_checks_total",
            "Those compared with the fresh answer: right, wrong, or unknown",
            ["layer", "outcome"],
            registry=registry,
        )
        self._stale = Gauge(
            "litellm_plugins_cache_stale_ratio",
            "Share of a layer's answers that would be others today, by a worker's last checks",
            ["layer"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._alarm = Gauge(
            "litellm_plugins_cache_stale_alarm",
            "1 while that share is above cache.stale_alarm_rate",
            ["layer"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._judged = Counter(
            "litellm_plugins_cache_judgements_total",
            "Pairs of answers for the judge, by what came of it: its verdict, or why there is none",
            ["outcome"],
            registry=registry,
        )
        self._judge_usd = Counter(
            "litellm_plugins_cache_judge_usd_total", "Dollars that the judge of answers cost", registry=registry
        )
        self._merged = Counter(
            "litellm_plugins_coalesced_total",
            "Requests by what they did where others may have asked the same at the same time",
            ["part", "model_group"],
            registry=registry,
        )
        self._waited = Histogram(
            "litellm_plugins_coalesce_wait_seconds",
            "Time for which requests waited for the answer of another that asked the same",
            ["part"],
            buckets=_WAIT_BUCKETS_S,
            registry=registry,
        )
        self._refused = Counter(
            "litellm_plugins_refused_total",
            "Requests that were not fit to be asked, by the reason",
            ["reason", "endpoint", "model_group"],
            registry=registry,
        )
        self._limited = Counter(
            "litellm_plugins_output_limits_total",
            "Limits of answers, by what set them, or why they could not be set",
            ["kind", "by"],
            registry=registry,
        )
        self._sections = Counter(
            "litellm_plugins_prompt_sections_total",
            "Sections of declared prompts, by whether a request got them",
            ["prompt", "section", "sent"],
            registry=registry,
        )
        self._prompt_tokens = Counter(
            "litellm_plugins_prompt_section_tokens_total",
            "Tokens of those sections",
            ["prompt", "sent"],
            registry=registry,
        )
        self._stopped = Counter(
            "litellm_plugins_early_stops_total",
            "Streams that were ended before their model was done, by the rule",
            ["rule", "endpoint", "model_group"],
            registry=registry,
        )
        self._failures = Counter(
            "litellm_plugins_stage_failures_total",
            "Stages that broke while the request went on without them",
            ["stage", "reason"],
            registry=registry,
        )
        self._budgets = BudgetMetrics(registry, self._label, known_budget)
        self._calls = CallMetrics(registry, self._label, teams or BoundedLabels(50))
        self._routes = RouteMetrics(registry)
        self._review = ReviewMetrics(registry)
        self._compressions = CompressionMetrics(registry, self._label)
        self._histories = HistoryMetrics(registry, self._label)
        self._prompt_cache = PromptCacheMetrics(registry, self._label)
        self._batch = BatchMetrics(registry, self._label)
        self._health = HealthMetrics(registry)

    def record(self, event: Event) -> None:
        match event:
            case BudgetDecided() | BudgetSettled() | BudgetsMeasured() | AlertHandled():
                self._budgets.record(event)
            case CallFinished() | OwnSpent():
                self._of_end(event)
            case CacheDecided() | CacheChecked() | AnswerHandled() | AnswersJudged() | StalenessMeasured():
                self._of_cache(event)
            case RouteDecided() | AnswerChecked():
                self._routes.record(event)
            case PromptCompressed() | HistoryCut() | PromptCacheDecided() | PromptCacheUsed():
                self._of_prompts(event)
            case RequestsMerged():
                self._told_merged(event)
            case RequestRefused():
                self._refused.labels(event.reason, event.endpoint, self._label(event.model_group)).inc()
            case _:
                self._of_stages(event)

    def _of_stages(self, event: Event) -> None:
        match event:
            case OutputLimited():
                for limit in event.limits:
                    self._limited.labels(limit.kind, limit.by).inc()
            case PromptAssembled():
                self._told_sections(event)
            case StreamStopped():
                self._stopped.labels(event.rule, event.endpoint, self._label(event.model_group)).inc()
            case ReviewKept() | ReviewJudged():
                self._review.record(event)
            case DeferralDecided() | DeferralEnded() | DeferralsMeasured():
                self._deferred(event)
            case StageFailed():
                self._failures.labels(event.stage, event.reason).inc()
            case _:
                self._health.record(event)

    def _deferred(self, event: DeferralDecided | DeferralEnded | DeferralsMeasured) -> None:
        self._batch.record(event)
        if isinstance(event, DeferralEnded) and event.saved_nano_usd:
            self._saved_usd.labels("batch", self._label(event.model_group)).inc(event.saved_nano_usd / 1e9)

    def _told_sections(self, event: PromptAssembled) -> None:
        told = (("yes", event.sections, event.tokens), ("no", event.left_out, event.tokens_left_out))
        for sent, sections, tokens in told:
            for section in sections:
                self._sections.labels(event.prompt, section, sent).inc()
            self._prompt_tokens.labels(event.prompt, sent).inc(tokens)

    def _of_prompts(self, event: PromptCompressed | HistoryCut | PromptCacheDecided | PromptCacheUsed) -> None:
        match event:
            case PromptCompressed():  # what it saved is told at the end of the call
                self._compressions.record(event)
            case HistoryCut():
                self._histories.record(event)
                self._save("history", event.model_group, event.saved_nano_usd, event.saved_tokens)
            case _:
                self._prompt_cache.record(event)

    def _of_end(self, event: CallFinished | OwnSpent) -> None:
        self._calls.record(event)
        if isinstance(event, CallFinished) and event.layer not in _HITS:
            self._save("compression", event.model_group, event.saved_nano_usd, event.saved_tokens)

    def _save(self, cause: str, model_group: str, nano_usd: int, tokens: int) -> None:
        if tokens:
            label = self._label(model_group)
            self._saved_usd.labels(cause, label).inc(nano_usd / 1e9)
            self._saved_tokens.labels(cause, label).inc(tokens)

    def _of_cache(self, event: CacheDecided | CacheChecked | AnswerHandled | AnswersJudged | StalenessMeasured) -> None:
        match event:
            case CacheDecided():
                self._decided(event)
            case AnswerHandled():
                self._answers.labels(event.refusal or "stored", self._label(event.model_group)).inc()
            case CacheChecked():
                self._checks.labels(event.layer, event.outcome).inc()
            case AnswersJudged():
                self._judged.labels(event.outcome).inc()
                self._judge_usd.inc(event.cost_nano_usd / 1e9)
            case StalenessMeasured():
                self._stale.labels(event.layer).set(event.share)
                self._alarm.labels(event.layer).set(event.ringing)

    def _decided(self, event: CacheDecided) -> None:
        model_group = self._label(event.model_group)
        self._requests.labels(event.layer, event.reason, model_group).inc()
        self._decision.labels(event.layer).observe(event.decision_ms / 1_000)
        if event.volatility:
            self._classes.labels(event.volatility, event.layer).inc()
        if event.would is not None:
            self._withheld.labels(event.would, event.reason, model_group).inc()
        if event.similarity is not None:
            self._similarity.labels(event.layer).observe(event.similarity)
        if event.probability is not None:
            self._score.labels(event.layer).observe(event.probability)
        if event.cache_id is not None:
            self._saved_usd.labels(event.layer, model_group).inc(event.saved_nano_usd / 1e9)
            self._saved_tokens.labels(event.layer, model_group).inc(event.saved_tokens)

    def _told_merged(self, event: RequestsMerged) -> None:
        self._merged.labels(event.part, self._label(event.model_group)).inc()
        if event.part not in (Part.LED, Part.JUST_ASKED):
            self._waited.labels(event.part).observe(event.waited_ms / 1_000)

    def _label(self, model_group: str) -> str:
        return clean(model_group) if self._known_model(model_group) else OTHER
