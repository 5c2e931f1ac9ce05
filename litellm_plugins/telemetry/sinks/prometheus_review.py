"""The metrics of the review loop. Every label comes from an enum."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from litellm_plugins.telemetry.events import ReviewJudged, ReviewKept


class ReviewMetrics:
    """Counts what is worth a look, what was said of it, and what that did."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._items = Counter(
            "litellm_plugins_review_items_total",
            "Served answers that are worth a reviewer's look, by what they are and why",
            ["kind", "why"],
            registry=registry,
        )
        self._verdicts = Counter(
            "litellm_plugins_review_verdicts_total",
            "Verdicts on served answers, by who gave them; of end users thumbs, up or down",
            ["kind", "verdict", "source"],
            registry=registry,
        )
        self._effects = Counter(
            "litellm_plugins_review_effects_total",
            "What verdicts did: evicted, remembered, labelled, support_raised, outcome, rate_lowered, …",
            ["effect"],
            registry=registry,
        )

    def record(self, event: ReviewKept | ReviewJudged) -> None:
        """Count one."""
        if isinstance(event, ReviewKept):
            self._items.labels(event.kind, event.why).inc()
            return
        self._verdicts.labels(event.kind, event.verdict, event.source).inc()
        for effect in event.effects:
            self._effects.labels(effect).inc()
