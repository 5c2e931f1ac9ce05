"""The server is killed and started again while many reserve and settle: what the ledger then says."""

from __future__ import annotations

import asyncio

from litellm_plugins.budgets.amounts import NOTHING
from litellm_plugins.budgets.ledger import Granted, Ledger, Settlement
from litellm_plugins.errors import StoreUnavailable
from tests.redis.conftest import LedgerOpener, ServerMaker
from tests.support.ledgers import DAY, LEASE, NOW, held, line, rolling, usd
from tests.support.redis_server import RedisServer

ACCOUNTS = (line("day"), line("hour", span=rolling(3_600_000, NOW)))


async def persistently(ledger: Ledger, call: str, *, cost: int, patience_s: float = 20) -> Settlement:
    """Reserve, call, settle, each as often as it takes: a refused connection says nothing about what was done."""
    async with asyncio.timeout(patience_s):
        while True:
            try:
                granted = await ledger.reserve(call, ACCOUNTS, usd(cost + 5), now_ms=NOW, lease_ms=LEASE)
                assert isinstance(granted, Granted)
                await ledger.called(call, now_ms=NOW, lease_ms=LEASE)
                break
            except StoreUnavailable:
                await asyncio.sleep(0.05)
        while True:
            try:
                return await ledger.settle(call, usd(cost), now_ms=NOW)
            except StoreUnavailable:
                await asyncio.sleep(0.05)


async def under_load(server: RedisServer, ledger: Ledger, calls: int) -> list[Settlement]:
    """Sixteen at a time, and the server is killed and started again in the midst of it."""
    gate, done, a_quarter = asyncio.Semaphore(16), 0, asyncio.Event()

    async def one(number: int) -> Settlement:
        nonlocal done
        async with gate:
            settlement = await persistently(ledger, str(number), cost=number)
            done += 1
            if done == calls // 4:
                a_quarter.set()
            return settlement

    async def killer() -> None:
        await a_quarter.wait()
        server.kill()
        await asyncio.to_thread(server.start)

    *settled, _ = await asyncio.gather(*(one(number) for number in range(calls)), killer())
    return [each for each in settled if isinstance(each, Settlement)]


async def test_what_a_killed_server_had_saved_is_exact_once_everybody_has_asked_again(
    start_server: ServerMaker, open_ledger: LedgerOpener
) -> None:
    """`appendfsync always`: what it answered is there. What it did not is done once, however often it is asked."""
    server = start_server(appendonly="yes", appendfsync="always")
    ledger = open_ledger(server)
    settled = await under_load(server, ledger, 400)
    assert len(settled) == 400
    for account in ("day", "hour"):
        assert await held(ledger, account) == (usd(sum(range(400))), NOTHING, NOTHING)


async def test_a_server_that_saves_nothing_begins_at_zero_and_books_no_call_it_does_not_know(
    start_server: ServerMaker, open_ledger: LedgerOpener
) -> None:
    """So a budget may be spent twice: the documentation says what to do about it."""
    server = start_server()
    ledger = open_ledger(server)
    settled = await under_load(server, ledger, 400)
    assert sum(not each.fresh for each in settled) <= 16  # reserved before, settled after
    (spent, reserved, _) = await held(ledger, "day")
    assert reserved == NOTHING
    assert NOTHING.nano_usd < spent.nano_usd < sum(range(400))
    assert {balance.span for balance in await ledger.balances(now_ms=NOW, account="day")} == {DAY}
