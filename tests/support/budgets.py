"""What the ledger of a running proxy holds, and what its provider charged, both in nano-dollars."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from litellm_plugins.budgets.ledger import Balance
from tests.support.ledgers import redis_ledger
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.provider import Provider
    from tests.support.proxy import RunningProxy

# Nano-dollars per token, as the host's price list has them.
PRICES: Mapping[str, tuple[Fraction, Fraction]] = {
    "gpt-4.1": (Fraction(2_000), Fraction(8_000)),
    "gpt-4.1-mini": (Fraction(400), Fraction(1_600)),
    "gpt-4.1-nano": (Fraction(100), Fraction(400)),
    "gpt-4o-mini": (Fraction(150), Fraction(600)),
    "claude-sonnet-4-5": (Fraction(3_000), Fraction(15_000)),
    "text-embedding-3-small": (Fraction(20), Fraction(0)),
}


@dataclass(frozen=True, slots=True)
class Held:
    """What the accounts of one budget hold."""

    spent: int = 0
    reserved: int = 0
    requests: int = 0
    tokens: int = 0


def ledger_file(proxy: RunningProxy) -> Path:
    """The proxy's ledger on SQLite."""
    return proxy.database.with_name("litellm_plugins.ledger.db")


def held_by(proxy: RunningProxy, budget: str) -> Held:
    """All accounts and windows of a budget together."""
    file = ledger_file(proxy)
    if not file.exists():
        return Held()
    query = """SELECT total(spent_usd), total(reserved_usd), total(spent_requests), total(spent_tokens)
        FROM ledger_windows WHERE account = ? OR account LIKE ? || '/%'"""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=10)) as db:
        return Held(*(int(value) for value in db.execute(query, (budget, budget)).fetchone()))


def held_on_redis(url: str, budget: str) -> Held:
    """The same, of a ledger on Redis."""
    held = [each for each in asyncio.run(_balances(url)) if each.account.split("/")[0] == budget]
    return Held(
        spent=sum(each.spent.nano_usd for each in held),
        reserved=sum(each.reserved.nano_usd for each in held),
        requests=sum(each.spent.requests for each in held),
        tokens=sum(each.spent.tokens for each in held),
    )


def settled(look: Callable[[], Held], requests: int, *, timeout_s: float = 20) -> Held:
    """What is booked once so many requests are, and nothing is held for others any more."""

    def done() -> bool:
        now = look()
        return now.requests >= requests and not now.reserved

    eventually(done, what=f"{requests} requests to be settled", timeout_s=timeout_s, every_s=0.1)
    return look()


def open_calls(proxy: RunningProxy) -> int:
    """Reservations that nobody has settled, of all budgets."""
    file = ledger_file(proxy)
    if not file.exists():
        return 0
    query = "SELECT count(*) FROM ledger_windows WHERE reserved_usd OR reserved_tokens OR reserved_requests"
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=10)) as db:
        return int(db.execute(query).fetchone()[0])


def billed(provider: Provider) -> int:
    """What the provider charged since it was cleared."""
    total = Fraction(0)
    for model, tokens in provider.bill().items():
        asked, answered = PRICES[model]
        total += asked * tokens["prompt_tokens"] + answered * tokens["completion_tokens"]
    return int(total)


async def _balances(url: str) -> list[Balance]:
    ledger = redis_ledger(url)
    try:
        return await ledger.balances(now_ms=time.time_ns() // 1_000_000)
    finally:
        await ledger.aclose()
