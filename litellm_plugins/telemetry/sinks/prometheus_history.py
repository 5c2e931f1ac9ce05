"""The metrics of old turns. Outcomes and reasons are enums."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Histogram

from litellm_plugins.telemetry.events import HistoryCut

_TOOK_BUCKETS_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class HistoryMetrics:
    """Counts conversations for which there is a budget."""

    def __init__(self, registry: CollectorRegistry, label: Callable[[str], str]) -> None:
        self._label = label
        self._conversations = Counter(
            "litellm_plugins_histories_total",
            "Conversations with a budget for their turns: whole, trimmed or summarised, and why",
            ["outcome", "reason", "model_group"],
            registry=registry,
        )
        self._tokens = Counter(
            "litellm_plugins_history_tokens_total",
            "Tokens of the turns that were counted, before and after",
            ["when", "model_group"],
            registry=registry,
        )
        self._took = Histogram(
            "litellm_plugins_history_seconds",
            "Time that a request waited for its old turns to be left out or summed up",
            ["outcome"],
            buckets=_TOOK_BUCKETS_S,
            registry=registry,
        )

    def record(self, event: HistoryCut) -> None:
        """Count one."""
        model_group = self._label(event.model_group)
        self._conversations.labels(event.outcome, event.reason, model_group).inc()
        self._took.labels(event.outcome).observe(event.took_ms / 1_000)
        if event.tokens_before is not None and event.tokens_after is not None:
            self._tokens.labels("before", model_group).inc(event.tokens_before)
            self._tokens.labels("after", model_group).inc(event.tokens_after)
