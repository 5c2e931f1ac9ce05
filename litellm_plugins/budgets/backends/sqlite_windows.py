"""The windows of the accounts: their sums, what leaves the rolling ones, and when there will be room again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from litellm_plugins.budgets.amounts import METRICS, NOTHING, Amounts, Limits, Metric
from litellm_plugins.budgets.ledger import Balance, Line, Span

_DAY_MS = 86_400_000
_KEPT_MS = 3 * _DAY_MS  # after its end: longer than any call may still be settled in it
_PRUNED_AT_ONCE = 4
_COLUMNS = """id, account, start_ms, end_ms, rolling, spent_usd, spent_tokens, spent_requests,
    reserved_usd, reserved_tokens, reserved_requests, unconfirmed_usd, unconfirmed_tokens, unconfirmed_requests,
    limited, limit_usd, limit_tokens, limit_requests, by_holder"""
_FIND = f"SELECT {_COLUMNS} FROM ledger_windows WHERE account = ? AND key = ?"  # noqa: S608 - constants
_OPEN = "SELECT id, start_ms, end_ms, shared FROM ledger_windows WHERE account = ? AND key = ?"
_BEGIN = """INSERT INTO ledger_windows (account, key, start_ms, end_ms, rolling, shared, by_holder)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""
_BOUND = "(limited = 1 OR reserved_usd > 0 OR reserved_tokens > 0 OR reserved_requests > 0)"
_ADDED = """spent_usd = spent_usd + ?, spent_tokens = spent_tokens + ?, spent_requests = spent_requests + ?,
    unconfirmed_usd = unconfirmed_usd + ?, unconfirmed_tokens = unconfirmed_tokens + ?,
    unconfirmed_requests = unconfirmed_requests + ?"""
_ADD = f"UPDATE ledger_windows SET {_ADDED} WHERE id = ?"  # noqa: S608 - constants
_ADD_ENTRY = f"UPDATE ledger_entries SET {_ADDED} WHERE window_id = ? AND at_ms = ?"  # noqa: S608 - constants
_LEFT = "window_id = ? AND at_ms <= ?"
_SUM_LEFT = f"""SELECT -sum(spent_usd), -sum(spent_tokens), -sum(spent_requests), -sum(unconfirmed_usd),
    -sum(unconfirmed_tokens), -sum(unconfirmed_requests) FROM ledger_entries WHERE {_LEFT}"""  # noqa: S608 - constants
_FORGET_LEFT = (
    f"DELETE FROM ledger_entries WHERE {_LEFT}",  # noqa: S608 - constants
    f"UPDATE ledger_lines SET charged = 0 WHERE {_LEFT} AND charged = 1",  # noqa: S608 - constants
)


@dataclass(frozen=True, slots=True)
class Window:
    """One row."""

    id: int
    balance: Balance


def find(db: sqlite3.Connection, account: str, key: int, *, now_ms: int) -> Window | None:
    """The window, without what has left it by now."""
    row = db.execute(_FIND, (account, key)).fetchone()
    if row is None:
        return None
    if row[4] and trim(db, row[0], row[3] - row[2], now_ms=now_ms):
        row = db.execute(_FIND, (account, key)).fetchone()
    return _window(row, now_ms)


def some(db: sqlite3.Connection, where: str, values: Sequence[object], *, now_ms: int) -> list[Window]:
    """By account and age."""
    query = f"SELECT {_COLUMNS} FROM ledger_windows WHERE {where} ORDER BY account, key"  # noqa: S608 - ours
    return [_window(row, now_ms) for row in db.execute(query, values)]


def open_for(db: sqlite3.Connection, line: Line, *, now_ms: int) -> int:
    """The id of the line's window, which is begun where there is none yet."""
    span = line.span
    start_ms, end_ms = (now_ms, now_ms + span.length_ms) if span.rolling else (span.start_ms, span.end_ms)
    key = (line.account, span.key)
    row = db.execute(_OPEN, key).fetchone()
    if row is None:
        _prune(db, now_ms)
        values = (*key, start_ms, end_ms, span.rolling, line.shared, _text(line.by_holder))
        db.execute(_BEGIN, values)
        row = db.execute(_OPEN, key).fetchone()
    elif (row[1], row[2]) != (start_ms, end_ms):
        db.execute("UPDATE ledger_windows SET start_ms = ?, end_ms = ? WHERE id = ?", (start_ms, end_ms, row[0]))
    if line.shared and row[3] != line.shared:
        db.execute("UPDATE ledger_windows SET shared = ? WHERE id = ?", (line.shared, row[0]))
    return int(row[0])


def to_limit(db: sqlite3.Connection, line: Line, *, now_ms: int) -> int:
    """The id of the line's window. Whoever draws on an account takes or keeps its place, not whoever limits it."""
    row = db.execute(_OPEN, (line.account, line.span.key)).fetchone()
    return open_for(db, replace(line, shared=""), now_ms=now_ms) if row is None else int(row[0])


def book(
    db: sqlite3.Connection, window_id: int, at_ms: int, *, rolling: bool, spent: Amounts, unconfirmed: Amounts = NOTHING
) -> None:
    """Add to what was spent, at the time given."""
    amounts = (*spent, *unconfirmed)
    if rolling:
        db.execute("INSERT OR IGNORE INTO ledger_entries (window_id, at_ms) VALUES (?, ?)", (window_id, at_ms))
        db.execute(_ADD_ENTRY, (*amounts, window_id, at_ms))
    db.execute(_ADD, (*amounts, window_id))


def reserve(db: sqlite3.Connection, window_id: int, amount: Amounts) -> None:
    """Add to what is reserved; a negative amount is let go."""
    db.execute(
        """UPDATE ledger_windows SET reserved_usd = reserved_usd + ?, reserved_tokens = reserved_tokens + ?,
            reserved_requests = reserved_requests + ? WHERE id = ?""",
        (*amount, window_id),
    )


def trim(db: sqlite3.Connection, window_id: int, length_ms: int, *, now_ms: int) -> bool:
    """Take off a rolling window what has left it by now. Whether anything has."""
    left = (window_id, now_ms - length_ms)
    sums = db.execute(_SUM_LEFT, left).fetchone()
    if sums[0] is None:
        return False
    db.execute(_ADD, (*sums, window_id))
    for statement in _FORGET_LEFT:
        db.execute(statement, left)
    return True


def trim_all(db: sqlite3.Connection, *, now_ms: int) -> None:
    """Of every rolling window what has left it."""
    query = """SELECT id, end_ms - start_ms FROM ledger_windows AS w WHERE rolling = 1 AND EXISTS (
        SELECT 1 FROM ledger_entries WHERE window_id = w.id AND at_ms <= ? - (w.end_ms - w.start_ms))"""
    for window_id, length_ms in db.execute(query, (now_ms,)).fetchall():
        trim(db, window_id, length_ms, now_ms=now_ms)


def clear(db: sqlite3.Connection, window_id: int) -> None:
    """Forget what was spent, and an admin's limits."""
    db.execute(
        """UPDATE ledger_windows SET spent_usd = 0, spent_tokens = 0, spent_requests = 0, unconfirmed_usd = 0,
            unconfirmed_tokens = 0, unconfirmed_requests = 0, limited = 0 WHERE id = ?""",
        (window_id,),
    )
    db.execute("DELETE FROM ledger_entries WHERE window_id = ?", (window_id,))
    db.execute("UPDATE ledger_lines SET charged = 0 WHERE window_id = ? AND charged = 1", (window_id,))


def set_limits(db: sqlite3.Connection, window_id: int, limits: Limits | None) -> None:
    """An admin's limits, or none of his."""
    db.execute(
        "UPDATE ledger_windows SET limited = ?, limit_usd = ?, limit_tokens = ?, limit_requests = ? WHERE id = ?",
        (limits is not None, *(limits or Limits()), window_id),
    )


def say_by_holder(db: sqlite3.Connection, window: Window, line: Line) -> None:
    """What the line says of them, if that is new."""
    if window.balance.by_holder != line.by_holder:
        query = "UPDATE ledger_windows SET by_holder = ? WHERE id = ?"
        db.execute(query, (_text(line.by_holder), window.id))


def has_place(db: sqlite3.Connection, line: Line, *, now_ms: int) -> bool:
    """Whether the account is one of those that are counted by themselves in the line's window."""
    query = "SELECT 1 FROM ledger_windows WHERE account = ? AND key = ? AND shared <> '' AND end_ms > ?"
    return db.execute(query, (line.account, line.span.key, now_ms)).fetchone() is not None


def is_bound(db: sqlite3.Connection, line: Line) -> bool:
    """Whether it has to be: it has limits of its own, or something is reserved on it."""
    query = f"SELECT 1 FROM ledger_windows WHERE account = ? AND key = ? AND {_BOUND}"  # noqa: S608 - constants
    return db.execute(query, (line.account, line.span.key)).fetchone() is not None


def beside(db: sqlite3.Connection, line: Line, *, now_ms: int) -> int:
    """How many accounts are in use that would share the line's `shared`; no more than `most_accounts` are counted."""
    query = """SELECT count(*) FROM (
        SELECT 1 FROM ledger_windows WHERE shared = ? AND shared <> '' AND key = ? AND end_ms > ? LIMIT ?)"""
    return int(db.execute(query, (line.shared, line.span.key, now_ms, line.most_accounts)).fetchone()[0])


def leaves_at(
    db: sqlite3.Connection,
    window_id: int,
    length_ms: int,
    too_much: Mapping[Metric, int],
    *,
    not_counting: tuple[int, Amounts],
) -> int | None:
    """When so much of each metric will have left a rolling window; None: so much was not spent in it."""
    query = """SELECT at_ms, spent_usd, spent_tokens, spent_requests FROM ledger_entries
        WHERE window_id = ? ORDER BY at_ms"""
    freed = NOTHING
    for at_ms, *amounts in db.execute(query, (window_id,)):
        freed += Amounts(*amounts)
        if at_ms == not_counting[0]:
            freed -= not_counting[1]
        if all(enough <= so_far for enough, so_far in _of(too_much, freed)):
            return int(at_ms) + length_ms
    return None


def _of(wanted: Mapping[Metric, int], freed: Amounts) -> Iterator[tuple[int, int]]:
    return ((wanted[metric], so_far) for metric, so_far in zip(METRICS, freed, strict=True) if metric in wanted)


def _window(row: Sequence[int], now_ms: int) -> Window:
    (window_id, account, start_ms, end_ms, rolling), amounts, (limited, *limits) = row[:5], row[5:14], row[14:18]
    length_ms = end_ms - start_ms
    span = Span(now_ms - length_ms, now_ms, rolling=True) if rolling else Span(start_ms, end_ms)
    spent, reserved, unconfirmed = (Amounts(*amounts[at : at + 3]) for at in (0, 3, 6))
    set_by_admin = Limits(*limits) if limited else None
    by_holder = Limits.of_text(str(row[18])) if row[18] else None
    return Window(window_id, Balance(str(account), span, spent, reserved, unconfirmed, set_by_admin, by_holder))


def _text(limits: Limits | None) -> str:
    return "" if limits is None else limits.text


def _prune(db: sqlite3.Connection, now_ms: int) -> None:
    # A few for each new one, so that they never become many, and nobody waits for it.
    query = """SELECT id FROM ledger_windows WHERE end_ms <= ? AND NOT (rolling = 1 AND limited = 1)
        AND reserved_usd = 0 AND reserved_tokens = 0 AND reserved_requests = 0 ORDER BY end_ms LIMIT ?"""
    for (window_id,) in db.execute(query, (now_ms - _KEPT_MS, _PRUNED_AT_ONCE)).fetchall():
        clear(db, window_id)
        db.execute("DELETE FROM ledger_windows WHERE id = ?", (window_id,))
