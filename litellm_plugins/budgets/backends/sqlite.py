"""The ledger in an SQLite file: every step is one transaction that takes the writer's lock before it looks.

In a file of its own: money waits for no cache's clean-up, and whoever deletes the cache forgives nobody's spend.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

from litellm_plugins.budgets.backends import sqlite_calls as calls
from litellm_plugins.budgets.backends import sqlite_windows as windows
from litellm_plugins.budgets.backends.sqlite_reserving import reserve
from litellm_plugins.budgets.ledger import Balance, Denied, Granted, Line, OnLapse, Settlement

if TYPE_CHECKING:
    from litellm_plugins.budgets.amounts import Amounts, Limits
    from litellm_plugins.budgets.backends.sqlite_calls import Call
    from litellm_plugins.storage.sqlite import SqliteFile

_ENDED_AT_ONCE = 500  # leases; a worker that died may leave many, and a request waits


class SqliteLedger:
    """Keeps `Ledger`, and closes the file."""

    def __init__(self, file: SqliteFile, *, on_lapse: OnLapse = "charge") -> None:
        self._file, self._on_lapse = file, on_lapse

    async def reserve(
        self, call_id: str, lines: Sequence[Line], amount: Amounts, *, now_ms: int, lease_ms: int
    ) -> Granted | Denied:
        def work(db: sqlite3.Connection) -> Granted | Denied:
            while True:
                ended = self._end_leases(db, now_ms)
                decided = reserve(db, call_id, lines, amount, now_ms=now_ms, until_ms=now_ms + lease_ms)
                if isinstance(decided, Granted) or ended < _ENDED_AT_ONCE:
                    return decided

        return await self._file.write(work)

    async def called(self, call_id: str, *, now_ms: int, lease_ms: int) -> None:
        values = (now_ms + lease_ms, call_id, calls.State.HELD, now_ms)
        query = "UPDATE ledger_calls SET called = 1, until_ms = ? WHERE call_id = ? AND state = ? AND until_ms > ?"
        await self._file.write(lambda db: db.execute(query, values))

    async def settle(self, call_id: str, actual: Amounts, *, now_ms: int) -> Settlement:
        def work(db: sqlite3.Connection) -> Settlement:
            self._end_leases(db, now_ms)
            call = calls.find(db, call_id)
            if call is None or call.state is calls.State.SETTLED:
                return Settlement(fresh=False)
            calls.settle(db, call, actual, now_ms=now_ms)
            calls.forget(db, now_ms=now_ms)
            return Settlement(fresh=True, balances=_balances_of(db, call, now_ms))

        return await asyncio.shield(self._file.write(work))

    async def lapse(self, *, now_ms: int) -> int:
        def work(db: sqlite3.Connection) -> int:
            ended = self._end_leases(db, now_ms)
            if ended < _ENDED_AT_ONCE:
                windows.trim_all(db, now_ms=now_ms)
            return ended

        total = ended = await self._file.write(work)
        while ended == _ENDED_AT_ONCE:
            ended = await self._file.write(work)
            total += ended
        return total

    async def balances(self, *, now_ms: int, account: str | None = None) -> list[Balance]:
        await self.lapse(now_ms=now_ms)
        where, values = "(rolling = 1 OR end_ms > ?)", [now_ms]
        chosen = (where, values) if account is None else (f"{where} AND account = ?", [*values, account])
        return [w.balance for w in await self._file.scan(lambda db: windows.some(db, *chosen, now_ms=now_ms))]

    async def reset(self, account: str, *, now_ms: int) -> int:
        def work(db: sqlite3.Connection) -> int:
            self._end_leases(db, now_ms)
            present = "account = ? AND (rolling = 1 OR (start_ms <= ? AND end_ms > ?))"
            found = windows.some(db, present, (account, now_ms, now_ms), now_ms=now_ms)
            for window in found:
                windows.clear(db, window.id)
            return len(found)

        return await self._file.write(work)

    async def limit(self, line: Line, limits: Limits | None, *, now_ms: int) -> None:
        await self._file.write(lambda db: windows.set_limits(db, windows.to_limit(db, line, now_ms=now_ms), limits))

    async def aclose(self) -> None:
        await self._file.aclose()

    def _end_leases(self, db: sqlite3.Connection, now_ms: int) -> int:
        return calls.end_leases(db, self._on_lapse, now_ms=now_ms, at_most=_ENDED_AT_ONCE)


def _balances_of(db: sqlite3.Connection, call: Call, now_ms: int) -> tuple[Balance, ...]:
    for line in call.holds.values():
        if line.rolling:
            windows.trim(db, line.window_id, line.length_ms, now_ms=now_ms)
    ids = list(call.holds)
    where = f"id IN ({', '.join('?' for _ in ids)})"
    return tuple(window.balance for window in windows.some(db, where, ids, now_ms=now_ms))
