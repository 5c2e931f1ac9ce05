"""From hours in a store to a real receiver: told once over workers and restarts, with what changed and traces."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from litellm_plugins.alerts.courier import Courier
from litellm_plugins.alerts.courier import Receiver as Receives
from litellm_plugins.alerts.telling import Teller
from litellm_plugins.alerts.webhook import Webhook
from litellm_plugins.insight.anomalies_telling import OF_A_KIND_MS, SAME_MS
from litellm_plugins.insight.store import Batch
from litellm_plugins.insight.usage import HOUR_S, Example
from litellm_plugins.insight.watching import AnomalyWatch
from litellm_plugins.proxy.alert_receivers import LogReceiver
from litellm_plugins.proxy.insight.stores import InsightStores, open_insight
from litellm_plugins.settings import Settings, parse
from litellm_plugins.telemetry.events import AnomalyFound, Event, Telemetry
from litellm_plugins.telemetry.sinks.prometheus_anomalies import AnomalySink
from tests.support.receiver import Receiver
from tests.support.synthetic_weeks import MONDAY, dear_call, from_hour, weeks

BEGAN = 24 * 8 + 9
NOW_H = BEGAN + 6


class Clock:
    def __init__(self) -> None:
        self.now = (MONDAY + NOW_H) * HOUR_S * 1_000 + 60_000

    def __call__(self) -> int:
        return self.now


class Kept:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)


class Worker:
    """One worker's watch and courier on the shared file."""

    def __init__(self, settings: Settings, url: str, clock: Clock) -> None:
        self.stores: InsightStores = open_insight(settings)
        self.sink, self.registry = Kept(), CollectorRegistry()
        telemetry = Telemetry([self.sink, AnomalySink(self.registry)])
        receivers: list[Receives] = [LogReceiver(telemetry), Webhook("HOOK", url, "generic")]
        self.courier = Courier(self.stores.outbox, receivers, clock_ms=clock)
        teller = Teller(self.stores.outbox, ["log", "HOOK"])
        log = self.stores.anomalies
        self.watch = AnomalyWatch(self.stores.usage, teller, settings.insight, clock_ms=clock, log=log)

    async def aclose(self) -> None:
        await self.courier.aclose()
        await self.stores.usage.aclose()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()


def settings(folder: Path, **insight: Any) -> Settings:
    url = "https://traces.example.com/t/{trace_id}?a=1&b=2"
    return parse(
        {
            "storage": {"url": f"sqlite:///{folder / 'pack.db'}"},
            "insight": {"trace_url": url, "keep_days": 800, **insight},
        }
    )


def example(number: int, *, nano: int = 10_000_000) -> Example:
    at_ms = (MONDAY + NOW_H - 1) * HOUR_S * 1_000
    who = ("agent", "support", "support-user-0", "support-0", "large", "large", "success")
    return Example(at_ms, f"trace/{number}", f"c{number}", *who, nano, 2_000)


async def test_what_is_strange_is_told_once_with_what_changed_and_with_traces(
    tmp_path: Path, receiver: Receiver
) -> None:
    clock, given = Clock(), settings(tmp_path)
    one, other = (Worker(given, receiver.url, clock) for _ in range(2))
    rows = weeks(3, 0, NOW_H, from_hour(BEGAN, ("agent",), large=0.85))
    sums = {(row.hour, row.words): row.sums for row in rows}
    await one.stores.usage.add(Batch("all", sums, tuple(example(n, nano=n + 1) for n in range(5))), now_ms=clock())

    async def all_look() -> None:
        await asyncio.gather(*(worker.watch.look() for worker in (one, other)))
        await asyncio.gather(*(worker.courier.deliver() for worker in (one, other)))

    await all_look()
    await all_look()
    (told,) = [told for _, told, _ in receiver.got]
    assert (told["type"], told["feature"]) == ("anomaly.cost_per_request", "agent")
    assert told["value"] > 1.2 * told["usual"]
    (kept,) = await other.stores.anomalies.latest(9, since_ms=0, team=None)
    assert (kept.kind, kept.subject, kept.team) == ("cost_per_request", ("feature", "agent"), "")
    assert kept.text == told["text"]
    moved = told["moved"][0]
    assert moved["model"] == "large"
    assert moved["share_now"] > 0.75
    assert 0.3 < moved["share_before"] < 0.5
    assert [each["url"] for each in told["traces"]] == [
        f"https://traces.example.com/t/trace%2F{number}?a=1&b=2" for number in (4, 3, 2)
    ]
    assert f"model large ({moved['share_before']:.0%} → {moved['share_now']:.0%} of the requests" in told["text"]
    events = [event for worker in (one, other) for event in worker.sink.events if isinstance(event, AnomalyFound)]
    assert [event.kind for event in events] == ["cost_per_request"]
    counted = [
        worker.registry.get_sample_value("litellm_plugins_anomalies_total", {"kind": "cost_per_request"})
        for worker in (one, other)
    ]
    assert sum(value or 0 for value in counted) == 1

    await one.aclose()
    again = Worker(given, receiver.url, clock)  # restarted, it remembers nothing itself
    clock.now += OF_A_KIND_MS
    await again.watch.look()
    await again.courier.deliver()
    assert len({told["feature"] for _, told, _ in receiver.got}) == len(receiver.got)
    assert clock.now < SAME_MS + (MONDAY + NOW_H) * HOUR_S * 1_000
    await other.aclose()
    await again.aclose()


async def test_a_dear_request_and_a_users_day_are_told_though_nothing_is_known_of_before(
    tmp_path: Path, receiver: Receiver
) -> None:
    clock = Clock()
    worker = Worker(settings(tmp_path, anomalies={"user_day_usd": 3}), receiver.url, clock)
    call = dear_call(clock() - 1_000, 5.0)
    (row,) = [row for row in weeks(3, 0, 1) if row.words[1] == "agent"][:1]
    spent = row.sums._replace(spent_nano_usd=4 * 10**9)
    await worker.stores.usage.add(Batch("a", {(MONDAY + NOW_H, row.words): spent}, (call,)), now_ms=clock())
    for _ in range(2):
        await worker.watch.look()
        await worker.courier.deliver()
    texts = sorted(told["text"] for _, told, _ in receiver.got)
    assert len(texts) == 2
    assert texts[0].startswith("One request of user support-user-0 cost $5.00, 1,000,000 prompt tokens for large.")
    assert "https://traces.example.com/t/trace-dear?a=1&b=2" in texts[0]
    assert texts[1].startswith(f"The user {row.words[3]} spent $4.00 today, of $3.00 a day")
    kept = await worker.stores.anomalies.latest(9, since_ms=0, team="support")
    assert [each.text for each in kept] == texts[:1]  # the team's own request; a user may be of several teams
    await worker.aclose()


async def test_one_worker_of_all_looks(tmp_path: Path, receiver: Receiver) -> None:
    clock, given = Clock(), settings(tmp_path)
    workers = [Worker(given, receiver.url, clock) for _ in range(3)]
    looked: list[int] = []
    for number, worker in enumerate(workers):

        async def look(number: int = number) -> list[Any]:
            looked.append(number)
            return []

        worker.watch.look = look  # type: ignore[method-assign]
    tasks = [asyncio.create_task(worker.watch.run(0.05)) for worker in workers]
    await asyncio.sleep(1.0)  # the clock stands still: so there is one turn
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(looked) == 1
    for worker in workers:
        await worker.aclose()
