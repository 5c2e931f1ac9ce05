"""The metrics of the pack's own parts: queues, the verifier, the store, the ledger, the embedder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from litellm_plugins.telemetry.events import (
    DriftMeasured,
    QueueMeasured,
    SinkFailed,
    StoreMeasured,
    TextEmbedded,
    VerifierMeasured,
)

if TYPE_CHECKING:
    from litellm_plugins.telemetry.events import Event

# What each worker has of its own is added up; what all see of one store is shown as the last of them saw it.
_OWN: Literal["livesum"] = "livesum"
_SHARED: Literal["livemostrecent"] = "livemostrecent"
_EMBEDDING_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class HealthMetrics:
    """Queues and sinks are named in the code, rates and budgets in the settings."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._depth = Gauge(
            "litellm_plugins_queue_depth",
            "What waits in a queue of the pack's, or of the host's log, in all workers",
            ["queue"],
            registry=registry,
            multiprocess_mode=_OWN,
        )
        self._dropped = Counter(
            "litellm_plugins_dropped_total",
            "What a sink could not tell: its queue was full, its store failed, it was closed, or it raised",
            ["sink", "reason"],
            registry=registry,
        )
        self._labels = Gauge(
            "litellm_plugins_verifier_labels",
            "Pairs of questions that the verifier has learned from",
            registry=registry,
            multiprocess_mode=_SHARED,
        )
        self._fit = Gauge(
            "litellm_plugins_verifier_fit_version",
            "Number of labels that the fit in force was made after; 0 before the first",
            registry=registry,
            multiprocess_mode=_SHARED,
        )
        self._errors = Gauge(
            "litellm_plugins_verifier_error_ratio",
            "Wrong answers per request, upper estimate, at the threshold in force for a promised rate",
            ["rate"],
            registry=registry,
            multiprocess_mode=_SHARED,
        )
        self._memory = Gauge(
            "litellm_plugins_redis_memory_bytes",
            "Memory of the Redis that holds everything: used, and the most that it may use (0: no limit)",
            ["kind"],
            registry=registry,
            multiprocess_mode=_SHARED,
        )
        self._drift = Gauge(
            "litellm_plugins_ledger_drift_ratio",
            "How far ledger and host are apart on what a budget spent, as a share of the larger",
            ["budget"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._embedding = Histogram(
            "litellm_plugins_embedding_seconds",
            "Time that embedding a text took",
            buckets=_EMBEDDING_BUCKETS_S,
            registry=registry,
        )

    def record(self, event: Event) -> None:
        """Set or count what is of such a part."""
        match event:
            case QueueMeasured():
                self._depth.labels(event.queue).set(event.depth)
                for reason, count in event.dropped.items():
                    self._dropped.labels(event.queue, reason).inc(count)
            case SinkFailed():
                self._dropped.labels(event.sink, "raised").inc()
            case VerifierMeasured():
                self._labels.set(event.labels)
                self._fit.set(event.fit_version)
                for rate, errors in event.error_rates.items():
                    self._errors.labels(rate).set(errors)
            case StoreMeasured():
                self._memory.labels("used").set(event.used_bytes)
                self._memory.labels("max").set(event.most_bytes or 0)
            case DriftMeasured():
                self._drift.labels(event.budget).set(event.share)
            case TextEmbedded():
                self._embedding.observe(event.took_ms / 1_000)
