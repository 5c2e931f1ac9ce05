"""Worker processes on one ledger: some race, some are killed at their work."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from litellm_plugins.budgets.amounts import Amounts
from litellm_plugins.budgets.ledger import Granted, Ledger, Line
from tests.support.ledgers import LEASE, NOW, ledger_at, line

EACH = Amounts(nano_usd=7, tokens=3, requests=1)
LANES = 4  # calls at once in one worker that is to be killed


def room_for(calls: int, account: str) -> Line:
    """A budget with room for exactly so many calls."""
    return line(account, usd=calls * EACH.nano_usd + EACH.nano_usd - 1)


def times(count: int) -> Amounts:
    """What so many calls reserve."""
    return Amounts(*(count * amount for amount in EACH))


def cost_of(name: str) -> Amounts:
    """What a call turns out to cost: sometimes less than was reserved, sometimes more."""
    number = int(name.rpartition("-")[2])
    return Amounts(5 + number % 5, number % 7, 1)


async def granted_of(ledger: Ledger, names: Sequence[str], lines: Sequence[Line]) -> list[str]:
    """Which of the calls, all asked for at once, may spend."""
    got = await asyncio.gather(*(ledger.reserve(name, lines, EACH, now_ms=NOW, lease_ms=LEASE) for name in names))
    return [name for name, answer in zip(names, got, strict=True) if isinstance(answer, Granted)]


def race(pipe: Connection, url: str, worker: int, calls: int) -> None:
    """For each (round, time) that comes, so many calls at that time; answers how many were granted. None ends it."""

    async def rounds() -> None:
        ledger = ledger_at(url)
        while (told := await asyncio.to_thread(pipe.recv)) is not None:
            number, begin = told
            lines = [room_for(10, f"race-{number}"), room_for(1_000, "all")]
            await asyncio.sleep(begin - time.time())
            granted = await granted_of(ledger, [f"{worker}-{number}-{n}" for n in range(calls)], lines)
            for name in granted:
                await ledger.called(name, now_ms=NOW, lease_ms=LEASE)
                await ledger.settle(name, EACH, now_ms=NOW)
            pipe.send(len(granted))
        await ledger.aclose()

    asyncio.run(rounds())


def work_until_killed(pipe: Connection, url: str, worker: int) -> None:
    """Call after call, several at once; tells each call that a provider was told of, and each that is settled."""

    async def forever(ledger: Ledger, lane: int) -> None:
        number = 0
        while True:
            number += 1
            name = f"{worker}-{lane}-{number}"
            lines = [room_for(10**9, "all"), room_for(10**9, f"worker-{worker}")]
            assert await granted_of(ledger, [name], lines)
            await ledger.called(name, now_ms=NOW, lease_ms=LEASE)
            pipe.send(("called", name))
            assert (await ledger.settle(name, cost_of(name), now_ms=NOW)).fresh
            pipe.send(("settled", name))

    async def work() -> None:
        ledger = ledger_at(url)
        await asyncio.gather(*(forever(ledger, lane) for lane in range(LANES)))

    asyncio.run(work())


@dataclass(frozen=True, slots=True)
class Worker:
    """A process, and the pipe to it."""

    process: BaseProcess
    pipe: Connection

    def told(self) -> list[Any]:
        """All that it said, once it is dead."""
        said: list[Any] = []
        while True:
            try:
                said.append(self.pipe.recv())
            except (EOFError, ConnectionError):
                return said


@contextmanager
def workers(target: Callable[..., None], count: int, *arguments: object, first: int = 0) -> Iterator[list[Worker]]:
    """So many processes that run `target(pipe, arguments[0], number, ...)`; killed in the end, if they still run."""
    fresh = multiprocessing.get_context("forkserver")  # not forked from here: threads and locks of the tests stay here
    fresh.set_forkserver_preload([__name__])
    begun: list[Worker] = []
    url, *others = arguments
    try:
        for number in range(first, first + count):
            ours, theirs = fresh.Pipe()
            process = fresh.Process(target=target, args=(theirs, url, number, *others), daemon=True)
            process.start()
            theirs.close()
            begun.append(Worker(process, ours))
        yield begun
    finally:
        for worker in begun:
            worker.process.kill()
            worker.process.join()
            worker.process.close()
            worker.pipe.close()
