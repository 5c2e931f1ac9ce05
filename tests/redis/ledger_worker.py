"""One of several processes that race for a budget: `ledger_worker.py URL ME AT_ONCE`.

A line on its standard input names an account, of which there is room for ten; it asks that often at once, and says what
it was granted. What it got it settles.
"""

from __future__ import annotations

import asyncio
import sys

from litellm_plugins.budgets.amounts import Amounts, Limits
from litellm_plugins.budgets.ledger import Granted, Line, Span
from tests.support.ledgers import DAY, LEASE, NOW, ledger_at

AMOUNT = Amounts(nano_usd=37_500_001, tokens=1_234, requests=1)
ROOM = 10


def lines(account: str) -> tuple[Line, ...]:
    """Each with room for ten: by money, by requests, and by tokens in a rolling window."""
    minute = Span(NOW - 60_000, NOW, rolling=True)
    return (
        Line("usd", f"usd/{account}", Limits(nano_usd=ROOM * AMOUNT.nano_usd), DAY),
        Line("requests", f"requests/{account}", Limits(requests=ROOM), DAY),
        Line("tokens", f"tokens/{account}", Limits(tokens=ROOM * AMOUNT.tokens), minute),
    )


async def race(url: str, me: str, at_once: int) -> None:
    ledger = ledger_at(url)

    async def ask(account: str, number: int) -> bool:
        call = f"{account}-{me}-{number}"
        granted = await ledger.reserve(call, lines(account), AMOUNT, now_ms=NOW, lease_ms=LEASE)
        if not isinstance(granted, Granted):
            return False
        await ledger.called(call, now_ms=NOW, lease_ms=LEASE)
        return (await ledger.settle(call, AMOUNT, now_ms=NOW)).fresh

    await ledger.balances(now_ms=NOW)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while account := (await asyncio.to_thread(sys.stdin.readline)).strip():
        won = await asyncio.gather(*(ask(account, number) for number in range(at_once)))
        sys.stdout.write(f"{sum(won)}\n")
        sys.stdout.flush()
    await ledger.aclose()


if __name__ == "__main__":
    asyncio.run(race(sys.argv[1], sys.argv[2], int(sys.argv[3])))
