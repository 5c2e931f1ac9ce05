"""The metrics of deferral. Statuses and reasons are bounded; a provider's own words for a fault are not among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from litellm_plugins.telemetry.events import DeferralDecided, DeferralEnded, DeferralsMeasured

_WAITED_BUCKETS_S = (60.0, 300.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 28_800.0, 57_600.0, 90_000.0)
_SHARED: Final = "mostrecent"  # all workers ask the same store


class BatchMetrics:
    """Counts requests whose clients let them wait."""

    def __init__(self, registry: CollectorRegistry, label: Callable[[str], str]) -> None:
        self._label = label
        self._decided = Counter(
            "litellm_plugins_deferrals_total",
            "Requests whose clients let them wait: deferred, immediate or refused, and why",
            ["outcome", "reason", "model_group"],
            registry=registry,
        )
        self._ended = Counter(
            "litellm_plugins_deferred_ended_total",
            "Requests that were put off and are over: completed, failed, expired or cancelled",
            ["status", "model_group"],
            registry=registry,
        )
        self._waited = Histogram(
            "litellm_plugins_deferred_wait_seconds",
            "Time from a request that was put off to its end",
            ["status"],
            buckets=_WAITED_BUCKETS_S,
            registry=registry,
        )
        self._open = Gauge(
            "litellm_plugins_deferred_open",
            "Requests that were put off and have no end yet: queued, or submitted to a provider",
            ["status"],
            registry=registry,
            multiprocess_mode=_SHARED,
        )

    def record(self, event: DeferralDecided | DeferralEnded | DeferralsMeasured) -> None:
        """Count one."""
        match event:
            case DeferralDecided():
                self._decided.labels(event.outcome, event.reason, self._label(event.model_group)).inc()
            case DeferralEnded():
                self._ended.labels(event.status, self._label(event.model_group)).inc()
                self._waited.labels(event.status).observe(event.waited_s)
            case DeferralsMeasured():
                self._open.labels("queued").set(event.queued)
                self._open.labels("submitted").set(event.submitted)
