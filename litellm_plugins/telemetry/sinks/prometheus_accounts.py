"""The gauges of budgets: `litellm_plugins_budget_{spent,limit,reserved,remaining}_{usd,tokens,requests}`.

Every worker sets them from the one ledger; with several, the page shows what the last of them saw. The files of several
know no removal: there a series that vanishes is NaN, which charts leave out and no alert rings on.
"""

from __future__ import annotations

import math
import os

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
        self._there: set[tuple[str, str, str, str]] = set()
        self._in_files = "PROMETHEUS_MULTIPROC_DIR" in os.environ

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
                    self._there.add((field, account.metric, account.budget, account.holder))
        for budget, holder in event.vanished:
            for field, metric in self._gauges:
                self._remove(field, metric, budget, holder)

    def _remove(self, field: str, metric: str, budget: str, holder: str) -> None:
        if (field, metric, budget, holder) not in self._there:
            return
        self._there.discard((field, metric, budget, holder))
        gauge = self._gauges[field, metric]
        if self._in_files:
            gauge.labels(budget, holder).set(math.nan)
        else:
            gauge.remove(budget, holder)
