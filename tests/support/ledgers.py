"""Ledgers of every kind, by URL, so that another process can open the same one; and what is put into them."""

from __future__ import annotations

from pathlib import Path

from litellm_plugins.budgets.amounts import NOTHING, Amounts, Limits
from litellm_plugins.budgets.backends.redis import RedisLedger
from litellm_plugins.budgets.backends.sqlite import SqliteLedger
from litellm_plugins.budgets.backends.sqlite_schema import SCHEMA
from litellm_plugins.budgets.ledger import Balance, Ledger, Line, OnLapse, Span
from litellm_plugins.storage.redis import RedisServer
from litellm_plugins.storage.sqlite import SqliteFile

NOW = 1_800_000_000_000
LEASE = 60_000
DAY = Span(NOW - 3_600_000, NOW + 3_600_000)
NEXT_DAY = Span(DAY.end_ms, DAY.end_ms + 7_200_000)


def ledger_at(url: str, *, on_lapse: OnLapse = "charge") -> Ledger:
    """One more view of the ledger at the URL."""
    if url.startswith("redis://"):
        return redis_ledger(url, on_lapse=on_lapse)
    path = url.removeprefix("sqlite:///")
    return SqliteLedger(SqliteFile(Path(path), schema=SCHEMA), on_lapse=on_lapse)


def redis_ledger(url: str, *, on_lapse: OnLapse = "charge", timeout_s: float = 30) -> RedisLedger:
    """On a Redis; as patient as the shared machine needs, if nobody says otherwise. A fragment parts ledgers."""
    address, _, name = url.partition("#")
    server = RedisServer(address, timeout_s=timeout_s, max_connections=64)
    return RedisLedger(server, f"litellm_plugins{name}", on_lapse=on_lapse)


def another(url: str, number: int) -> str:
    """A ledger beside that one."""
    return f"{url}#-{number}" if url.startswith("redis://") else f"{url}-{number}"


def line(
    account: str, *, usd: int | None = None, tokens: int | None = None, requests: int | None = None, span: Span = DAY
) -> Line:
    """A budget of so many nano-dollars, tokens and requests."""
    return Line(account.partition("/")[0], account, Limits(usd, tokens, requests), span)


def rolling(length_ms: int, now_ms: int) -> Span:
    """The time that just passed."""
    return Span(now_ms - length_ms, now_ms, rolling=True)


def usd(nano: int) -> Amounts:
    """Money, and nothing else."""
    return Amounts(nano_usd=nano)


async def held(ledger: Ledger, account: str, *, now_ms: int = NOW) -> tuple[Amounts, Amounts, Amounts]:
    """What the account has spent, reserved, and of the first not confirmed; in all its windows that are not over."""
    sums = [NOTHING, NOTHING, NOTHING]
    for each in await ledger.balances(now_ms=now_ms, account=account):
        sums = [so_far + more for so_far, more in zip(sums, _parts(each), strict=True)]
    return sums[0], sums[1], sums[2]


def _parts(balance: Balance) -> tuple[Amounts, Amounts, Amounts]:
    return balance.spent, balance.reserved, balance.unconfirmed
