"""The calls: what each holds, what becomes of it when its lease lapses, and that it is settled once."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from litellm_plugins.budgets.amounts import NOTHING, Amounts
from litellm_plugins.budgets.backends import sqlite_windows as windows
from litellm_plugins.budgets.ledger import OnLapse

_KEPT_MS = 86_400_000  # a call that is over is still known for a day
_FORGOTTEN_AT_ONCE = 4


class State(IntEnum):
    """What became of a call."""

    HELD = 0
    LAPSED = 1
    SETTLED = 2


@dataclass(frozen=True, slots=True)
class Hold:
    """One window that a call holds its amount in."""

    window_id: int
    at_ms: int
    charged: bool
    rolling: bool
    length_ms: int


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it is known, with what it reserved."""

    id: str
    state: State
    called: bool
    amount: Amounts
    holds: Mapping[int, Hold]  # by window


@dataclass(frozen=True, slots=True)
class Own:
    """What one call has in one window by itself."""

    reserved: Amounts = NOTHING
    charged: Amounts = NOTHING  # by its lapse
    at_ms: int = 0

    @property
    def total(self) -> Amounts:
        """Either of them."""
        return self.reserved + self.charged


def own_in(call: Call | None, window_id: int | None) -> Own:
    """What the call has in the window."""
    line = call.holds.get(window_id) if call is not None and window_id is not None else None
    if call is None or line is None:
        return Own()
    if call.state is State.HELD:
        return Own(reserved=call.amount, at_ms=line.at_ms)
    return Own(charged=call.amount, at_ms=line.at_ms) if line.charged else Own()


def find(db: sqlite3.Connection, call_id: str) -> Call | None:
    """The call, if it is known."""
    row = db.execute(
        "SELECT state, called, usd, tokens, requests FROM ledger_calls WHERE call_id = ?", (call_id,)
    ).fetchone()
    if row is None:
        return None
    lines = db.execute(
        """SELECT window_id, at_ms, charged, rolling, end_ms - start_ms FROM ledger_lines
            JOIN ledger_windows ON id = window_id WHERE call_id = ?""",
        (call_id,),
    )
    holds = {
        window_id: Hold(window_id, at_ms, bool(charged), bool(rolling), length_ms)
        for window_id, at_ms, charged, rolling, length_ms in lines
    }
    return Call(call_id, State(row[0]), bool(row[1]), Amounts(*row[2:]), holds)


def hold(
    db: sqlite3.Connection, call_id: str, amount: Amounts, at: Mapping[int, int], *, called: bool, until_ms: int
) -> None:
    """Reserve the amount in each window (by id; counted at the time given)."""
    db.execute(
        "INSERT OR REPLACE INTO ledger_calls VALUES (?, ?, ?, ?, ?, ?, ?)",
        (call_id, State.HELD, called, until_ms, *amount),
    )
    for window_id, at_ms in at.items():
        windows.reserve(db, window_id, amount)
        db.execute("INSERT INTO ledger_lines VALUES (?, ?, ?, 0)", (call_id, window_id, at_ms))


def take_back(db: sqlite3.Connection, call: Call) -> None:
    """Undo what it reserved, or what its lapse had charged."""
    for line in call.holds.values():
        if call.state is State.HELD:
            windows.reserve(db, line.window_id, NOTHING - call.amount)
        elif line.charged:
            back = NOTHING - call.amount
            windows.book(db, line.window_id, line.at_ms, rolling=line.rolling, spent=back, unconfirmed=back)
    db.execute("DELETE FROM ledger_lines WHERE call_id = ?", (call.id,))


def settle(db: sqlite3.Connection, call: Call, actual: Amounts, *, now_ms: int) -> None:
    """Book what it cost in place of what it held, and let it hold nothing any more."""
    take_back(db, call)
    for line in call.holds.values():
        if not line.rolling or line.at_ms > now_ms - line.length_ms:
            windows.book(db, line.window_id, line.at_ms, rolling=line.rolling, spent=actual)
    db.execute(
        "UPDATE ledger_calls SET state = ?, until_ms = ?, usd = 0, tokens = 0, requests = 0 WHERE call_id = ?",
        (State.SETTLED, now_ms + _KEPT_MS, call.id),
    )


def end_leases(db: sqlite3.Connection, on_lapse: OnLapse, *, now_ms: int, at_most: int) -> int:
    """End leases that are over, the oldest first. Returns how many."""
    over = db.execute(
        "SELECT call_id, until_ms FROM ledger_calls WHERE state = ? AND until_ms <= ? ORDER BY until_ms LIMIT ?",
        (State.HELD, now_ms, at_most),
    ).fetchall()
    for call_id, until_ms in over:
        call = find(db, call_id)
        if call is not None:
            _lapse(db, call, charge=call.called and on_lapse == "charge", now_ms=now_ms)
            state = (State.LAPSED, until_ms + _KEPT_MS, call_id)
            db.execute("UPDATE ledger_calls SET state = ?, until_ms = ? WHERE call_id = ?", state)
    return len(over)


def forget(db: sqlite3.Connection, *, now_ms: int) -> None:
    """A few of those that were over long ago: more than come, so that they never become many."""
    for state in (State.LAPSED, State.SETTLED):
        query = "SELECT call_id FROM ledger_calls WHERE state = ? AND until_ms <= ? LIMIT ?"
        for gone in db.execute(query, (state, now_ms, _FORGOTTEN_AT_ONCE)).fetchall():
            db.execute("DELETE FROM ledger_lines WHERE call_id = ?", gone)
            db.execute("DELETE FROM ledger_calls WHERE call_id = ?", gone)


def _lapse(db: sqlite3.Connection, call: Call, *, charge: bool, now_ms: int) -> None:
    for line in call.holds.values():
        windows.reserve(db, line.window_id, NOTHING - call.amount)
        if charge and (not line.rolling or line.at_ms > now_ms - line.length_ms):
            windows.book(
                db, line.window_id, line.at_ms, rolling=line.rolling, spent=call.amount, unconfirmed=call.amount
            )
            at = (call.id, line.window_id)
            db.execute("UPDATE ledger_lines SET charged = 1 WHERE call_id = ? AND window_id = ?", at)
