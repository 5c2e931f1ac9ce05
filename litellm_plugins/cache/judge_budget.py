"""What a judge may cost in a day, UTC, all workers together."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from litellm_plugins.errors import StoreUnavailable

if TYPE_CHECKING:
    from litellm_plugins.cache.judge import JudgeSpend


class JudgeBudget:
    """Counts in a store; what that cannot take is owed, and added with the next.

    Args:
        spend: what was spent, shared by all workers.
        nano_usd: of a day. What is under way when it is reached is still paid for.
        of: tells one judge's spending from another's in the same store.
        clock: UNIX seconds.
    """

    def __init__(
        self, spend: JudgeSpend, nano_usd: int, *, of: str = "", clock: Callable[[], float] = time.time
    ) -> None:
        self._spend, self._nano_usd, self._of, self._clock = spend, nano_usd, of, clock
        self._owed = 0

    def today(self) -> str:
        """The day that a call which begins now is booked on."""
        return datetime.fromtimestamp(self._clock(), UTC).date().isoformat() + self._of

    async def is_spent(self, day: str) -> bool:
        """Raises: StoreUnavailable."""
        return await self._spend.spent(day) + self._owed >= self._nano_usd

    async def count(self, day: str, nano_usd: int) -> tuple[str, str]:
        """Add to the day's spend. Returns what broke: reason and detail, both empty where nothing did."""
        owed, self._owed = self._owed + nano_usd, 0
        try:
            await self._spend.add(day, owed)
        except StoreUnavailable as exc:
            self._owed += owed
            return exc.reason, str(exc)
        return "", ""
