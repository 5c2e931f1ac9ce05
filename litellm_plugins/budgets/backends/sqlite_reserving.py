"""Check every line, then hold the amount on all of them: within the transaction that the ledger has begun."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence

from litellm_plugins.budgets.amounts import METRICS, NOTHING, Amounts, Metric
from litellm_plugins.budgets.backends import sqlite_calls as calls
from litellm_plugins.budgets.backends import sqlite_windows as windows
from litellm_plugins.budgets.backends.sqlite_calls import Own
from litellm_plugins.budgets.backends.sqlite_windows import Window
from litellm_plugins.budgets.ledger import Balance, Denied, Granted, Line, without_room


def reserve(
    db: sqlite3.Connection, call_id: str, lines: Sequence[Line], amount: Amounts, *, now_ms: int, until_ms: int
) -> Granted | Denied:
    """As `Ledger.reserve` says, once the leases that are over have ended."""
    lines = list(_as_counted(db, lines, now_ms))
    found = [windows.find(db, line.account, line.span.key, now_ms=now_ms) for line in lines]
    call = calls.find(db, call_id)  # after the windows: what had left them is no charge of the call's any more
    owns = [calls.own_in(call, window.id if window else None) for window in found]
    before = tuple(_without(line, window, own) for line, window, own in zip(lines, found, owns, strict=True))
    if call is not None and call.state is calls.State.SETTLED:
        return Granted(before)
    for line, window in zip(lines, found, strict=True):
        if window is not None:
            windows.say_by_holder(db, window, line)
    for line, window, balance, own in zip(lines, found, before, owns, strict=True):
        refused = without_room(balance.limits or line.limits, balance.held, amount, own.total)
        if refused:
            free_at_ms = _free_at(db, line, window, balance, refused, amount, own, now_ms)
            return Denied(line, balance, refused[0], free_at_ms)
    if call is not None:
        calls.take_back(db, call)
    at = {windows.open_for(db, line, now_ms=now_ms): line.span.counted_at(now_ms) for line in lines}
    calls.hold(db, call_id, amount, at, called=call is not None and call.called, until_ms=until_ms)
    return Granted(before)


def _as_counted(db: sqlite3.Connection, lines: Sequence[Line], now_ms: int) -> Iterator[Line]:
    """Each with the account that counts it."""
    new: Counter[tuple[str, int]] = Counter()
    for line in lines:
        if not line.shared or windows.has_place(db, line, now_ms=now_ms):
            yield line
            continue
        group = (line.shared, line.span.key)
        taken = windows.beside(db, line, now_ms=now_ms) + new[group]
        if taken < line.most_accounts or windows.is_bound(db, line):
            new[group] += 1
            yield line
        else:
            yield line.counted_among_others


def _without(line: Line, window: Window | None, own: Own) -> Balance:
    if window is None:
        return Balance(line.account, line.span)
    balance = window.balance
    return Balance(
        line.account,
        line.span,
        balance.spent - own.charged,
        balance.reserved - own.reserved,
        balance.unconfirmed - own.charged,
        balance.limits,
        balance.by_holder,
    )


def _free_at(
    db: sqlite3.Connection,
    line: Line,
    window: Window | None,
    balance: Balance,
    refused: Sequence[Metric],
    amount: Amounts,
    own: Own,
    now_ms: int,
) -> int | None:
    span, limits = line.span, balance.limits or line.limits
    future = limits if span.rolling else line.limits  # an admin's end with a calendar window
    if without_room(future, NOTHING, amount, own.total):
        return None
    if not span.rolling or window is None:
        return span.end_ms
    too_much = {
        metric: held + asked - limit
        for metric, limit, held, asked in zip(METRICS, limits, balance.held, amount, strict=True)
        if limit is not None and metric in refused
    }
    leaves = windows.leaves_at(db, window.id, span.length_ms, too_much, not_counting=(own.at_ms, own.charged))
    return now_ms + span.length_ms if leaves is None else leaves
