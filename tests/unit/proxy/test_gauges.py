"""What is asked for beside the requests."""

from __future__ import annotations

import asyncio

from litellm_plugins.cache.verifier.standing import Promise, Standing
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.proxy.gauges import Gauges, host_log_depth
from litellm_plugins.telemetry.events import (
    Event,
    QueueMeasured,
    StageFailed,
    StoreMeasured,
    Telemetry,
    VerifierMeasured,
)


class Kept:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)


async def known() -> Standing:
    return Standing(412, 400, promises={"0.01": Promise(0.9, 0.3, 0.0084)})


async def memory() -> tuple[int, int | None]:
    return 1_000, None


async def no_memory() -> tuple[int, int | None]:
    raise StoreUnavailable("store_timeout", "too slow")


async def test_each_is_told_and_the_verifier_once_a_minute() -> None:
    kept, now = Kept(), [0.0]
    gauges = Gauges(
        Telemetry([kept]), every_s=15, standing=known, memory=memory, queues={"log": lambda: 3}, clock=lambda: now[0]
    )
    await gauges.measure()
    assert kept.events == [
        QueueMeasured("log", 3),
        StoreMeasured(1_000, None),
        VerifierMeasured(412, 400, {"0.01": 0.0084}),
    ]
    now[0] = 45.0
    await gauges.measure()
    assert kept.events[3:] == [QueueMeasured("log", 3), StoreMeasured(1_000, None)]
    now[0] = 61.0
    await gauges.measure()
    assert isinstance(kept.events[-1], VerifierMeasured)


async def test_a_store_that_is_gone_is_told_and_hides_nothing_else() -> None:
    kept = Kept()
    await Gauges(Telemetry([kept]), every_s=15, standing=known, memory=no_memory).measure()
    assert kept.events == [
        StageFailed("gauges", "store_timeout", str(StoreUnavailable("store_timeout", "too slow"))),
        VerifierMeasured(412, 400, {"0.01": 0.0084}),
    ]


async def test_it_runs_beside_the_requests_until_it_is_closed() -> None:
    kept = Kept()
    gauges = Gauges(Telemetry([kept]), every_s=0.001, queues={"log": lambda: 0})
    before = asyncio.all_tasks()
    gauges.start()
    (task,) = asyncio.all_tasks() - before
    async with asyncio.timeout(5):
        while len(kept.events) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    await gauges.aclose()
    assert task.done()


def test_the_host_s_queue_can_be_read() -> None:
    assert host_log_depth() >= 0
