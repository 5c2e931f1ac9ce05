"""The gauges of budgets: what stands on the page, with one process and with several."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest, multiprocess

from litellm_plugins.telemetry.events import AccountMeasured, BudgetsMeasured
from litellm_plugins.telemetry.sinks.prometheus_accounts import AccountGauges

WORKER = """
import sys
from prometheus_client import CollectorRegistry
from litellm_plugins.telemetry.events import AccountMeasured, BudgetsMeasured
from litellm_plugins.telemetry.sinks.prometheus_accounts import AccountGauges
AccountGauges(CollectorRegistry()).record(
    BudgetsMeasured((AccountMeasured("day", "team a", "usd", float(sys.argv[1]), 0.0, 9.0, 1.0),))
)
"""


def lines(registry: CollectorRegistry) -> set[str]:
    page = generate_latest(registry).decode().splitlines()
    return {line for line in page if not line.startswith("#")}


def test_what_has_no_limit_has_no_series_for_it_and_nothing_is_infinite() -> None:
    registry = CollectorRegistry()
    AccountGauges(registry).record(
        BudgetsMeasured(
            (
                AccountMeasured("day", "everybody", "usd", 0.0, 0.0),
                AccountMeasured("day", "everybody", "tokens", 12, 3, 100, 85),
            )
        )
    )
    labels = '{budget="day",holder="everybody"}'
    assert lines(registry) == {
        f"litellm_plugins_budget_spent_usd{labels} 0.0",
        f"litellm_plugins_budget_reserved_usd{labels} 0.0",
        f"litellm_plugins_budget_spent_tokens{labels} 12.0",
        f"litellm_plugins_budget_reserved_tokens{labels} 3.0",
        f"litellm_plugins_budget_limit_tokens{labels} 100.0",
        f"litellm_plugins_budget_remaining_tokens{labels} 85.0",
    }


def test_an_account_that_vanished_has_no_series_until_it_is_back() -> None:
    registry = CollectorRegistry()
    gauges, there = AccountGauges(registry), AccountMeasured("day", "team a", "usd", 1.0, 0.0, 9.0, 8.0)
    gauges.record(BudgetsMeasured((there, AccountMeasured("day", "team b", "usd", 2.0, 0.0))))
    gauges.record(BudgetsMeasured((), (("day", "team a"), ("day", "never seen"))))
    assert {line for line in lines(registry) if "team a" in line} == set()
    assert len(lines(registry)) == 2
    gauges.record(BudgetsMeasured((there,)))
    assert len(lines(registry)) == 6


def test_with_several_workers_it_is_no_number(tmp_path: Path) -> None:
    then = "gauges.record(BudgetsMeasured((), (('day', 'team a'),)))"
    code = WORKER.replace(
        "AccountGauges(CollectorRegistry()).record", "gauges = AccountGauges(CollectorRegistry())\ngauges.record"
    )
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", f"{code}\n{then}", "5"], env=env, check=True, timeout=60)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=str(tmp_path))  # type: ignore[no-untyped-call]
    assert {line.rpartition(" ")[2] for line in lines(registry)} == {"NaN"}


def test_of_several_workers_the_one_that_looked_last_is_believed(tmp_path: Path) -> None:
    """Not the sum of what each saw, and one line for all."""
    for spent in ("5", "3"):
        env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
        subprocess.run([sys.executable, "-c", WORKER, spent], env=env, check=True, timeout=60)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=str(tmp_path))  # type: ignore[no-untyped-call]
    spent_lines = [line for line in lines(registry) if "spent" in line]
    assert spent_lines == ['litellm_plugins_budget_spent_usd{budget="day",holder="team a"} 3.0']
