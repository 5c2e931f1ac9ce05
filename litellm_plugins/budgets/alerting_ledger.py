"""The ledger with somebody who is told of what changed: a mark reached in a window's last second is seen, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from litellm_plugins.budgets.amounts import Amounts, Limits
from litellm_plugins.budgets.ledger import Balance, Denied, Granted, Ledger, Line, Settlement


class Onlooker(Protocol):
    """Must neither block nor raise."""

    def settled(self, balances: Sequence[Balance]) -> None:
        """Something was booked on these accounts."""

    def denied(self, denial: Denied) -> None:
        """There was no room."""


class WatchedLedger:
    """Keeps `Ledger` on another."""

    def __init__(self, ledger: Ledger, onlooker: Onlooker) -> None:
        self._ledger, self._onlooker = ledger, onlooker

    async def reserve(
        self, call_id: str, lines: Sequence[Line], amount: Amounts, *, now_ms: int, lease_ms: int
    ) -> Granted | Denied:
        decided = await self._ledger.reserve(call_id, lines, amount, now_ms=now_ms, lease_ms=lease_ms)
        if isinstance(decided, Denied):
            self._onlooker.denied(decided)
        return decided

    async def called(self, call_id: str, *, now_ms: int, lease_ms: int) -> None:
        await self._ledger.called(call_id, now_ms=now_ms, lease_ms=lease_ms)

    async def settle(self, call_id: str, actual: Amounts, *, now_ms: int) -> Settlement:
        settled = await self._ledger.settle(call_id, actual, now_ms=now_ms)
        if settled.balances:
            self._onlooker.settled(settled.balances)
        return settled

    async def lapse(self, *, now_ms: int) -> int:
        return await self._ledger.lapse(now_ms=now_ms)

    async def balances(self, *, now_ms: int, account: str | None = None) -> list[Balance]:
        return await self._ledger.balances(now_ms=now_ms, account=account)

    async def reset(self, account: str, *, now_ms: int) -> int:
        return await self._ledger.reset(account, now_ms=now_ms)

    async def limit(self, line: Line, limits: Limits | None, *, now_ms: int) -> None:
        await self._ledger.limit(line, limits, now_ms=now_ms)

    async def aclose(self) -> None:
        await self._ledger.aclose()
