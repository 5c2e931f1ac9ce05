"""The cost monitor in the running proxy: counting calls, looking for what is strange, and having it told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from litellm_plugins.alerts.courier import Courier
from litellm_plugins.alerts.telling import Teller
from litellm_plugins.insight.costs import Costs
from litellm_plugins.insight.recording import UsageRecorder
from litellm_plugins.insight.watching import AnomalyWatch
from litellm_plugins.proxy.alert_receivers import LogReceiver, webhooks
from litellm_plugins.proxy.budgets.stage import now_ms
from litellm_plugins.proxy.insight.stores import InsightStores, open_insight
from litellm_plugins.proxy.routing.report import RouteReport
from litellm_plugins.tasks import stop
from litellm_plugins.telemetry.events import AlertHandled

if TYPE_CHECKING:
    from litellm_plugins.review.feedback import FeedbackStore
    from litellm_plugins.settings import Settings
    from litellm_plugins.telemetry.events import Telemetry


@dataclass(frozen=True, slots=True)
class Counting:
    """What counts the calls. `recorder` is a sink."""

    stores: InsightStores
    recorder: UsageRecorder

    @classmethod
    def of(cls, settings: Settings) -> Counting:
        """Opens nothing yet."""
        stores = open_insight(settings)
        return cls(stores, UsageRecorder(stores.usage, settings.insight))


class InsightSight:
    """One per worker."""

    def __init__(
        self, settings: Settings, counting: Counting, telemetry: Telemetry, feedback: FeedbackStore | None = None
    ) -> None:
        self._counting, self._telemetry = counting, telemetry
        self._wanted, self._every_s = settings.insight.anomalies, settings.alerts.every_s
        stores = counting.stores
        self.costs = Costs(stores.usage, clock_ms=now_ms)
        self.routes = RouteReport(stores.usage, feedback, clock_ms=now_ms)
        receivers = [LogReceiver(telemetry), *webhooks(settings)]
        self._courier = Courier(
            stores.outbox,
            receivers,
            clock_ms=now_ms,
            told=lambda receiver, outcome: telemetry.emit(AlertHandled(receiver, outcome)),
        )
        teller = Teller(stores.outbox, [receiver.target for receiver in receivers], put=self._courier.wake)
        self._watch = AnomalyWatch(stores.usage, teller, settings.insight, clock_ms=now_ms, log=stores.anomalies)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Count, look and tell, beside the requests. Raises: RuntimeError where no loop runs."""
        loop = asyncio.get_running_loop()
        self._counting.recorder.queue.start(self._telemetry.emit)
        if self._wanted.enabled:
            jobs = ((self._watch, self._wanted.look_every_s), (self._courier, self._every_s))
            self._tasks = [loop.create_task(self._for_ever(*job)) for job in jobs]

    async def _for_ever(self, job: AnomalyWatch | Courier, every_s: float) -> None:
        while True:
            try:
                await job.run(every_s)
            except Exception as exc:  # noqa: BLE001 - nobody waits for it, and it must not end unseen
                stage = f"insight_{type(job).__name__.lower()}"
                self._telemetry.broke(stage, exc)
                await asyncio.sleep(every_s)

    async def aclose(self) -> None:
        """Stop that, and write what was counted. What waits to be told is told by whoever runs next."""
        await stop(*self._tasks)
        await self._courier.aclose()
        await self._counting.recorder.queue.drain()
        await self._counting.stores.usage.aclose()
