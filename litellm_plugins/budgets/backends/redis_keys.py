"""How the ledger lies in Redis, and how its scripts are spoken to. Pure.

Every key has the same part in braces, so that a cluster keeps them together and one script may use them all. Lua's
numbers are doubles: amounts are exact below 2^53, in nano-dollars about nine million dollars.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litellm_plugins.budgets.amounts import Amounts, Limits
from litellm_plugins.budgets.ledger import Balance, Line, Span

VERSION = 1  # of this layout: another one never reads what this one wrote
_EXACT = 2**53
Argument = str | int


def leases(prefix: str) -> str:
    """The key that names all the others: what stands before `leases` is common to them."""
    return f"{prefix}:{VERSION}:{{ledger}}:leases"


def amounts(given: Amounts) -> list[Argument]:
    """Raises: ValueError, where Lua could not count it."""
    if any(not 0 <= each < _EXACT for each in given):
        raise ValueError(f"an amount is not within 0 and 2^53: {given}")
    return list(given)


def window(line: Line) -> list[Argument]:
    """What tells an account's window."""
    return [line.account, line.span.start_ms, line.span.end_ms, int(line.span.rolling)]


def limits(given: Limits) -> list[Argument]:
    """One that is too large to be counted is never reached."""
    return ["" if each is None or each >= _EXACT else each for each in given]


def more(line: Line) -> list[Argument]:
    """Where it is counted once there are too many, and what its holder's metadata says of its limits."""
    by_holder = "" if line.by_holder is None else Limits(*(each and min(each, _EXACT) for each in line.by_holder)).text
    return [line.shared, line.most_accounts, by_holder]


def balance(told: Sequence[Any], span: Span | None = None) -> Balance:
    """As a script tells it: the account, its span (where the asker gives none), three amounts, two limits."""
    account, start, end, rolling, *rest = told
    numbers, (limited, *by_admin), by_holder = rest[:9], rest[9:13], rest[13].decode()
    return Balance(
        account.decode(),
        span or Span(start, end, rolling=bool(rolling)),
        spent=Amounts(*numbers[:3]),
        reserved=Amounts(*numbers[3:6]),
        unconfirmed=Amounts(*numbers[6:]),
        limits=Limits(*(None if each == b"" else each for each in by_admin)) if limited else None,
        by_holder=Limits.of_text(by_holder) if by_holder else None,
    )


def balances(told: Sequence[Any]) -> list[Balance]:
    """By account."""
    return sorted(map(balance, told), key=lambda each: (each.account, each.span.key))
