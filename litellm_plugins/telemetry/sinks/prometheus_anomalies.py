"""What was strange, as a metric: one count over all workers, by whichever told it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry, Counter

from litellm_plugins.telemetry.events import AnomalyFound

if TYPE_CHECKING:
    from litellm_plugins.telemetry.events import Event


class AnomalySink:
    """One instance per registry. A thing that had to be told again (`attempt`) counts once."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._found = Counter(
            "litellm_plugins_anomalies_total",
            "What was strange about costs, tokens, hits or failures, by its kind",
            ["kind"],
            registry=registry,
        )

    def record(self, event: Event) -> None:
        if isinstance(event, AnomalyFound) and event.attempt == 1:
            self._found.labels(event.kind).inc()
