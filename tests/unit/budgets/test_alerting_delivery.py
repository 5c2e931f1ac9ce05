"""From the ledger to a real receiver: each mark once, by whichever worker, however often somebody dies at it."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from litellm_plugins.alerts.backends.sqlite import SqliteOutbox
from litellm_plugins.alerts.courier import LEASE_MS, Courier
from litellm_plugins.alerts.webhook import Webhook
from litellm_plugins.budgets.alerting_ledger import WatchedLedger
from litellm_plugins.budgets.alerting_watch import Watch
from litellm_plugins.budgets.amounts import Amounts
from litellm_plugins.budgets.backends.sqlite import SqliteLedger
from litellm_plugins.budgets.overview import Overview
from litellm_plugins.budgets.policy import Ask, BudgetPolicy
from litellm_plugins.model import Identity
from litellm_plugins.proxy.stores import LEDGER_SCHEMA
from litellm_plugins.settings import parse
from litellm_plugins.storage.sqlite import SqliteFile
from tests.support.receiver import Receiver

NOW = 1_800_000_000_000
PATH = Receiver.path
SETTINGS = parse({"budgets": [{"name": "team-day", "scope": "team", "limit_usd": 10, "soft": [0.5, 0.8]}]})


class Worker:
    """One worker's ledger, watch and courier on the shared file."""

    def __init__(self, folder: Path, url: str, clock: Clock) -> None:
        file = SqliteFile(folder / "ledger.db", schema=LEDGER_SCHEMA)
        self.ledger = SqliteLedger(file)
        self.outbox, self._clock = SqliteOutbox(file), clock
        overview = Overview(SETTINGS, self.ledger)
        self.watch = Watch(overview, self.ledger, self.outbox, SETTINGS.alerts, targets=["HOOK"], clock_ms=clock)
        self.courier = Courier(
            self.outbox, [Webhook("HOOK", url, "generic", sign=lambda b: ("x-signed", str(len(b))))], clock_ms=clock
        )

    async def spend(self, dollars: float, call: str, *, team: str = "support", hold: bool = False) -> None:
        watched, amount = WatchedLedger(self.ledger, self.watch), Amounts(int(dollars * 1e9), 1, 1)
        lines = [
            each.line for each in BudgetPolicy(SETTINGS).covering(Ask(Identity(team_id=team)), now_ms=self._clock())
        ]
        await watched.reserve(call, lines, amount, now_ms=self._clock(), lease_ms=60_000)
        if not hold:
            await watched.settle(call, amount, now_ms=self._clock())

    async def aclose(self) -> None:
        await self.courier.aclose()
        await self.ledger.aclose()


class Clock:
    """A time that only a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def workers(tmp_path: Path, receiver: Receiver, clock: Clock) -> AsyncIterator[tuple[Worker, Worker]]:
    one, other = Worker(tmp_path, receiver.url, clock), Worker(tmp_path, receiver.url, clock)
    yield one, other
    await one.aclose()
    await other.aclose()


async def all_do(workers: tuple[Worker, Worker]) -> None:
    await asyncio.gather(*(worker.watch.look() for worker in workers))
    await asyncio.gather(*(worker.courier.deliver() for worker in workers))


async def test_two_workers_tell_each_mark_once_in_a_window_and_again_in_the_next(
    workers: tuple[Worker, Worker], receiver: Receiver, clock: Clock
) -> None:
    one, other = workers
    await one.spend(4.9, "a")
    await all_do(workers)
    assert receiver.got == []
    await asyncio.gather(one.spend(0.1, "b"), other.spend(0.1, "c"))
    for _ in range(3):
        await all_do(workers)
    await other.spend(4.9, "d")
    for _ in range(3):
        await all_do(workers)
    assert sorted(receiver.marks, key=str) == [0.5, 0.8, 1.0]
    path, told, headers = receiver.got[0]
    assert (path, told["attempt"], headers["idempotency-key"]) == (PATH, 1, told["id"])
    assert int(headers["x-signed"]) == int(headers["Content-Length"])

    clock.now += 86_400_000
    await one.spend(5, "e")
    await all_do(workers)
    assert receiver.marks[3:] == [0.5]


async def test_a_mark_is_seen_in_the_last_moment_of_its_window(
    workers: tuple[Worker, Worker], receiver: Receiver, clock: Clock
) -> None:
    """Nobody looks at the whole ledger while the window lasts: what was booked is enough."""
    one, _ = workers
    await one.spend(5, "a")
    await one.watch.look_at_booked()
    clock.now += 86_400_000
    await one.courier.deliver()
    assert receiver.marks == [0.5]


async def test_no_room_is_told_once(workers: tuple[Worker, Worker], receiver: Receiver) -> None:
    for number, worker in enumerate(workers):
        await worker.spend(9, f"a{number}", hold=True)
        await worker.spend(9, f"b{number}", hold=True)
    await workers[0].spend(11, "too large for any window", team="sales")
    await all_do(workers)
    await all_do(workers)
    assert [(told["type"], told["account"]) for _, told, _ in receiver.got] == [
        ("budget.no_room", "team-day/team=support")
    ]


async def test_what_was_claimed_by_one_that_died_is_sent_again_under_the_same_id_and_says_so(
    workers: tuple[Worker, Worker], receiver: Receiver, clock: Clock
) -> None:
    dead, heir = workers
    await dead.spend(5, "a")
    await dead.watch.look()
    (claim,) = await dead.outbox.claim("HOOK", now_ms=clock(), lease_ms=LEASE_MS, most=1)
    await Webhook("HOOK", receiver.url, "generic").deliver(claim)  # it was told, and died before it could note that
    await all_do(workers)
    assert len(receiver.got) == 1
    clock.now += LEASE_MS
    await all_do((heir, heir))
    first, second = (told for _, told, _ in receiver.got)
    assert (first["attempt"], second["attempt"], first["id"] == second["id"]) == (1, 2, True)
    clock.now += LEASE_MS
    await all_do((heir, heir))
    assert len(receiver.got) == 2


async def test_a_receiver_that_is_down_gets_it_later_and_neither_url_nor_redirect_leaks(
    workers: tuple[Worker, Worker], receiver: Receiver, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "httpx")
    caplog.set_level(logging.DEBUG, "litellm_plugins")
    await workers[0].spend(5, "a")
    receiver.status, receiver.headers = 307, {"location": f"{receiver.url}/elsewhere"}
    await all_do(workers)
    receiver.status, receiver.headers = 503, {"retry-after": "120"}
    clock.now += 10_000
    await all_do(workers)
    receiver.status = 200
    clock.now += 119_000
    await all_do(workers)
    assert [path for path, _, _ in receiver.got] == [PATH, PATH]
    clock.now += 1_000
    await all_do(workers)
    assert [told["attempt"] for _, told, _ in receiver.got] == [1, 2, 3]
    assert "HTTP 307" in caplog.text
    assert "secret-of-the-url" not in caplog.text


async def test_a_receiver_that_is_not_there_at_all_waits_longer_each_time(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(tmp_path, "http://127.0.0.1:9/secret-of-the-url", clock)
    await worker.spend(5, "a")
    await worker.watch.look()
    tries = []
    for second in range(40):
        clock.now = NOW + second * 1_000
        before = len(caplog.records)
        await worker.courier.deliver()
        tries += [second] if len(caplog.records) > before else []
    await worker.aclose()
    gaps = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert len(tries) >= 4
    assert gaps == sorted(gaps)
    assert "ConnectError" in caplog.text
    assert "secret-of-the-url" not in caplog.text


async def test_in_the_background_a_mark_is_told_within_a_moment(
    workers: tuple[Worker, Worker], receiver: Receiver
) -> None:
    one, other = workers
    tasks = [asyncio.create_task(job.run(0.3)) for each in workers for job in (each.watch, each.courier)]
    await other.spend(8, "a")
    for _ in range(200):
        if len(receiver.got) == 2:
            break
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert sorted(receiver.marks, key=str) == [0.5, 0.8]
    assert await one.outbox.waiting("HOOK") == 0
