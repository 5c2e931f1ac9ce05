"""The metrics of routing. Routers, tiers and arms come from the config, reasons from an enum: labels are bounded."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from litellm_plugins.telemetry.events import AnswerChecked, RouteDecided

_SCORES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
_TOOK_BUCKETS_S = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)


class RouteMetrics:
    """Counts routes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._routed = Counter(
            "litellm_plugins_routed_total",
            "Requests by the tier that they went to, and why; in shadow mode, would have gone to",
            ["router", "tier", "reason", "mode"],
            registry=registry,
        )
        self._arms = Counter(
            "litellm_plugins_route_arms_total",
            "Requests in an experiment by their arm",
            ["router", "tier", "experiment", "arm", "mode"],
            registry=registry,
        )
        self._score = Histogram(
            "litellm_plugins_route_score_ratio",
            "The scorer's expected gain of the stronger model",
            ["router"],
            buckets=_SCORES,
            registry=registry,
        )
        self._took = Histogram(
            "litellm_plugins_route_seconds",
            "Time it took to score a request and to choose its model",
            buckets=_TOOK_BUCKETS_S,
            registry=registry,
        )

        self._checked = Counter(
            "litellm_plugins_answers_checked_total",
            "Answers of a tier that were checked: escalated, or why they were served",
            ["router", "tier", "outcome"],
            registry=registry,
        )
        self._escalated = Counter(
            "litellm_plugins_escalations_total",
            "Steps up to the tier whose answer is served, by the check that the one before did not pass, or its error",
            ["router", "from", "to", "reason"],
            registry=registry,
        )

    def record(self, event: RouteDecided | AnswerChecked) -> None:
        """Count one."""
        if isinstance(event, AnswerChecked):
            self._checked.labels(event.router, event.tier, event.kept or "escalated").inc()
            if not event.kept:
                self._escalated.labels(event.router, event.tier, event.to, event.fault).inc()
            return
        mode = "shadow" if event.shadow else "active"
        self._routed.labels(event.router, event.tier, event.reason, mode).inc()
        if event.arm:
            self._arms.labels(event.router, event.tier, event.experiment, event.arm, mode).inc()
        self._score.labels(event.router).observe(event.score)
        self._took.observe(event.took_ms / 1_000)
