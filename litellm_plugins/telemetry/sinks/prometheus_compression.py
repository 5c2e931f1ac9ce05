"""The metrics of compression. Reasons come from an enum and the checker's kinds, methods from the config."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Histogram

from litellm_plugins.telemetry.events import PromptCompressed

_TOOK_BUCKETS_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class CompressionMetrics:
    """Counts prompts that may be compressed."""

    def __init__(self, registry: CollectorRegistry, label: Callable[[str], str]) -> None:
        self._label = label
        self._prompts = Counter(
            "litellm_plugins_compressions_total",
            "Prompts that may be compressed: applied, or why the original was sent",
            ["reason", "method", "model_group"],
            registry=registry,
        )
        self._tokens = Counter(
            "litellm_plugins_compression_tokens_total",
            "Tokens of the prompts that were counted, before and after",
            ["when", "model_group"],
            registry=registry,
        )
        self._took = Histogram(
            "litellm_plugins_compression_seconds",
            "Time that a request waited for its prompt to be compressed",
            ["method"],
            buckets=_TOOK_BUCKETS_S,
            registry=registry,
        )

    def record(self, event: PromptCompressed) -> None:
        """Count one."""
        model_group, method = self._label(event.model_group), "+".join(event.methods)
        self._prompts.labels(event.reason, method, model_group).inc()
        self._took.labels(method).observe(event.took_ms / 1_000)
        if event.tokens_before is not None and event.tokens_after is not None:
            self._tokens.labels("before", model_group).inc(event.tokens_before)
            self._tokens.labels("after", model_group).inc(event.tokens_after)
