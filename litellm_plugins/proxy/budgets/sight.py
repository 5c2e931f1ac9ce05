"""Seeing budgets in the running proxy: gauges and alerts in the background, and what the administrator's routes use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from litellm_plugins.alerts.courier import Courier
from litellm_plugins.budgets.alerting_drift import Drift
from litellm_plugins.budgets.alerting_ledger import WatchedLedger
from litellm_plugins.budgets.alerting_watch import More, Told, Watch
from litellm_plugins.budgets.alerting_words import number
from litellm_plugins.budgets.overview import AccountView, Overview
from litellm_plugins.budgets.overview_shown import Shown, label_of, nothing_on
from litellm_plugins.proxy.alert_receivers import LogReceiver, webhooks
from litellm_plugins.proxy.budgets.admin import BudgetAdmin
from litellm_plugins.proxy.budgets.drift import HostLog, host_database
from litellm_plugins.proxy.budgets.stage import now_ms
from litellm_plugins.tasks import stop
from litellm_plugins.telemetry.events import AccountMeasured, AlertHandled, BudgetsMeasured, DriftMeasured

if TYPE_CHECKING:
    from litellm_plugins.budgets.ledger import Ledger
    from litellm_plugins.proxy.stores import Stores
    from litellm_plugins.settings import Settings, VirtualKeys
    from litellm_plugins.telemetry.events import Telemetry


class BudgetSight:
    """One per worker. `ledger` is the one to reserve on: what happens there is seen at once.

    `listed`: the teams and keys of now, where some are in a file.
    """

    def __init__(
        self, settings: Settings, stores: Stores, telemetry: Telemetry, listed: Callable[[], VirtualKeys] | None = None
    ) -> None:
        overview = Overview(settings, stores.ledger, listed)
        receivers = [LogReceiver(telemetry), *webhooks(settings)]
        self._courier = Courier(
            stores.outbox,
            receivers,
            clock_ms=now_ms,
            told=lambda receiver, outcome: telemetry.emit(AlertHandled(receiver, outcome)),
        )
        self._watch = Watch(
            overview,
            stores.ledger,
            stores.outbox,
            settings.alerts,
            targets=[receiver.target for receiver in receivers],
            clock_ms=now_ms,
            told=Told(_gauges(settings, overview, telemetry), self._courier.wake, _drift(settings, telemetry)),
        )
        self.ledger: Ledger = WatchedLedger(stores.ledger, self._watch)
        self.admin = BudgetAdmin(settings, overview, self.ledger, stores.journal, clock_ms=now_ms)
        self._telemetry, self._every_s = telemetry, settings.alerts.every_s
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Look and tell, beside the requests. Raises: RuntimeError where no loop runs."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._for_ever(job)) for job in (self._watch, self._courier)]

    async def _for_ever(self, job: Watch | Courier) -> None:
        while True:
            try:
                await job.run(self._every_s)
            except Exception as exc:  # noqa: BLE001 - nobody waits for it, and it must not end unseen
                stage = f"budget_{type(job).__name__.lower()}"
                self._telemetry.broke(stage, exc)
                await asyncio.sleep(self._every_s)

    async def aclose(self) -> None:
        """Stop that. What waits is told by whoever runs next."""
        await stop(*self._tasks)
        await self._courier.aclose()


def _drift(settings: Settings, telemetry: Telemetry) -> More | None:
    share = settings.alerts.drift
    if share is None:
        return None

    def told(budget: str, apart: float) -> None:
        telemetry.emit(DriftMeasured(budget, apart))

    return Drift(share, HostLog(host_database), clock_ms=now_ms, told=told).notices


def _gauges(settings: Settings, overview: Overview, telemetry: Telemetry) -> Callable[[Sequence[AccountView]], None]:
    shown = Shown(settings.telemetry.budget_accounts, end_users=settings.telemetry.budget_end_users)

    def measure(views: Sequence[AccountView]) -> None:
        told = shown.chosen(views)
        gone = shown.gone(told, now_ms=now_ms())
        for holder, account in gone.empty:
            told.append((holder, overview.empty(account, now_ms()) or nothing_on(account, holder)))
        accounts = tuple(each for holder, view in told for each in _measured(holder, view))
        telemetry.emit(BudgetsMeasured(accounts, gone.vanished))

    return measure


def _measured(holder: str, view: AccountView) -> Iterable[AccountMeasured]:
    for meter, unit in zip(view.meters, ("usd", "tokens", "requests"), strict=True):
        if unit == "usd" or meter.limit is not None:
            of = meter.metric
            yield AccountMeasured(
                label_of(view),
                holder,
                unit,
                number(meter.spent, of) or 0,
                number(meter.reserved, of) or 0,
                number(meter.limit, of),
                number(meter.remaining, of),
            )
