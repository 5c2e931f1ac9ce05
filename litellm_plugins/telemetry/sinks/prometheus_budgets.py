"""The metrics of budgets. Labels are bounded: budgets and model groups come from the config, all others are one."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Histogram

from litellm_plugins.telemetry.events import AlertHandled, BudgetDecided, BudgetSettled, BudgetsMeasured
from litellm_plugins.telemetry.sinks.prometheus_accounts import AccountGauges

_FROM_METADATA = "from metadata"  # of a key or a team; as the gauges call them
_TOOK_BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class BudgetMetrics:
    """Counts what was decided and what was booked. `label` makes a model group a label."""

    def __init__(
        self, registry: CollectorRegistry, label: Callable[[str], str], known_budget: Callable[[str], bool]
    ) -> None:
        self._label, self._known_budget = label, known_budget
        self._decisions = Counter(
            "litellm_plugins_budget_decisions_total",
            "Requests by how they stand with the tightest budget that covers them, and why",
            ["budget", "state", "reason"],
            registry=registry,
        )
        self._took = Histogram(
            "litellm_plugins_budget_reserve_seconds",
            "Time it took to count a request, price it and reserve for it",
            buckets=_TOOK_BUCKETS_S,
            registry=registry,
        )
        self._settled = Counter(
            "litellm_plugins_budget_settled_nano_usd_total",
            "Nano-dollars booked on a budget",
            ["budget"],
            registry=registry,
        )
        self._calls = Counter(
            "litellm_plugins_budget_settlements_total",
            "Calls that were booked, by how they ended",
            ["ending", "model_group"],
            registry=registry,
        )
        self._accounts = AccountGauges(registry)
        self._alerts = Counter(
            "litellm_plugins_budget_alerts_total",
            "Alerts by receiver, and whether they were sent or failed (and are tried again)",
            ["receiver", "outcome"],
            registry=registry,
        )

    def record(self, event: BudgetDecided | BudgetSettled | BudgetsMeasured | AlertHandled) -> None:
        """Count a decision, what was booked, an alert; or set the gauges."""
        match event:
            case BudgetDecided():
                self._decisions.labels(self._named(event.budget), event.state, event.reason).inc()
                self._took.observe(event.took_ms / 1_000)
            case BudgetSettled():
                self._calls.labels(event.ending, self._label(event.model_group)).inc()
                for budget in event.budgets:
                    self._settled.labels(self._named(budget)).inc(event.nano_usd)
            case BudgetsMeasured():
                self._accounts.record(event)
            case AlertHandled():
                self._alerts.labels(event.receiver, event.outcome).inc()

    def _named(self, budget: str) -> str:
        return budget if not budget or self._known_budget(budget) else _FROM_METADATA
