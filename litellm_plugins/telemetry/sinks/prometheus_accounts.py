"""The gauges of budgets: `litellm_plugins_budget_{spent,limit,reserved,remaining}_{usd,tokens,requests}`.

Every worker sets them from the one ledger; with several, the page shows what the last of them saw.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from litellm_plugins.telemetry.events import BudgetsMeasured

_UNITS = {"usd": "Dollars", "tokens": "Tokens", "requests": "Requests"}
_FIELDS = {
    "spent": "spent in the present window",
    "reserved": "reserved by requests that are under way",
    "limit": "that the window may hold",
    "remaining": "left in it: the limit less what is spent or reserved",
}


class AccountGauges:
    """Accounts come as events name them: their number is bounded there."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._gauges = {
            (field, unit): Gauge(
                f"litellm_plugins_budget_{field}_{unit}",
                f"{word} {what}",
                ["budget", "holder"],
                registry=registry,
                multiprocess_mode="livemostrecent",
            )
            for unit, word in _UNITS.items()
            for field, what in _FIELDS.items()
        }

    def record(self, event: BudgetsMeasured) -> None:
        """Set them. Where there is no limit, there is neither a limit's nor a remaining series, and no +Inf."""
        for account in event.accounts:
            values = {
                "spent": account.spent,
                "reserved": account.reserved,
                "limit": account.limit,
                "remaining": account.remaining,
            }
            for field, value in values.items():
                if value is not None:
                    self._gauges[field, account.metric].labels(account.budget, account.holder).set(value)
