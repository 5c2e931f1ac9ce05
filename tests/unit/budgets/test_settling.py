"""Debts: what the ledger could not take is paid later, and no debt holds up the others."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from litellm_plugins.budgets.amounts import Amounts, Limits
from litellm_plugins.budgets.backends.sqlite import SqliteLedger
from litellm_plugins.budgets.backends.sqlite_schema import SCHEMA
from litellm_plugins.budgets.ledger import Line, Settlement, Span
from litellm_plugins.budgets.settling import Bookkeeper
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.storage.sqlite import SqliteFile

NOW_MS = 1_000
LINE = Line("all", "all", Limits(), Span(0, 60_000))
ONE = Amounts(1, 1, 1)


class Choosy(SqliteLedger):
    """Gone at first, and never fond of the call `bad`."""

    gone = True

    async def settle(self, call_id: str, actual: Amounts, *, now_ms: int) -> Settlement:
        if self.gone:
            raise StoreUnavailable("store_timeout")
        if call_id == "bad":
            raise OverflowError
        return await super().settle(call_id, actual, now_ms=now_ms)


async def owing(folder: Path, *calls: str) -> tuple[Choosy, Bookkeeper, list[str]]:
    """A bookkeeper that could not book the calls."""
    ledger, told = Choosy(SqliteFile(folder / "ledger.db", schema=SCHEMA, begins_anew=False)), list[str]()
    books = Bookkeeper(ledger, clock_ms=lambda: NOW_MS, failed=lambda exc: told.append(exc.reason))
    for call in calls:
        assert not await books.settle(call, ONE, lines=[LINE])
    return ledger, books, told


async def test_while_the_ledger_is_gone_everything_is_owed(tmp_path: Path) -> None:
    _, books, _ = await owing(tmp_path, "a", "b")
    with pytest.raises(StoreUnavailable):
        await books.pay()
    assert books.owed == 2


async def test_a_debt_that_cannot_be_booked_does_not_hold_up_the_others(tmp_path: Path) -> None:
    ledger, books, told = await owing(tmp_path, "bad", "a", "b")
    ledger.gone = False
    await books.pay()
    (balance,) = await ledger.balances(now_ms=NOW_MS)
    assert (balance.spent, books.owed, told[-1]) == (Amounts(2, 2, 2), 1, "internal_error")


async def test_it_is_tried_a_few_times_and_then_given_up(tmp_path: Path) -> None:
    ledger, books, told = await owing(tmp_path, "bad")
    ledger.gone = False
    for _ in range(10):
        await books.pay()
    assert books.owed == 0
    assert told.count("internal_error") == 5


async def test_a_settlement_that_fails_for_whatever_reason_is_owed(tmp_path: Path) -> None:
    ledger, books, told = await owing(tmp_path)
    ledger.gone = False
    assert not await books.settle("bad", ONE, lines=[LINE])
    assert (books.owed, told) == (1, ["internal_error"])
    for _ in range(10):
        await books.pay()
    assert (books.owed, told[-1]) == (0, "settlement_lost")


async def test_a_settlement_whose_asker_is_cancelled_is_owed(tmp_path: Path) -> None:
    ledger, books, _ = await owing(tmp_path)
    ledger.gone = False
    booking = asyncio.create_task(books.settle("a", ONE, lines=[LINE]))
    await asyncio.sleep(0)
    booking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await booking
    await books.pay()
    (balance,) = await ledger.balances(now_ms=NOW_MS)
    assert (balance.spent, books.owed) == (ONE, 0)
