"""The outbox in an SQLite file: one row per item. Its table is named for its first feature, and serves any."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from litellm_plugins.alerts.outbox import GIVEN_UP_AFTER_MS, MOST_WAITING, Claim, Item
from litellm_plugins.storage.migrations import Migration

if TYPE_CHECKING:
    from litellm_plugins.storage.sqlite import SqliteFile

_FORGOTTEN_AT_ONCE = 8

SCHEMA = (
    Migration(
        9,
        (
            """CREATE TABLE IF NOT EXISTS budget_outbox (
                key TEXT PRIMARY KEY, id TEXT NOT NULL, target TEXT NOT NULL, payload TEXT NOT NULL,
                until_ms INTEGER NOT NULL, put_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL,
                attempts INTEGER NOT NULL DEFAULT 0, sent INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID""",
            "CREATE INDEX IF NOT EXISTS budget_outbox_due ON budget_outbox (sent, due_ms)",
        ),
    ),
)


class SqliteOutbox:
    """Keeps `Outbox`. The file belongs to whoever opened it."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def put(self, item: Item, *, now_ms: int) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            _forget(db, now_ms)
            db.execute("DELETE FROM budget_outbox WHERE key = ? AND sent = 1 AND until_ms <= ?", (item.key, now_ms))
            if _waiting(db, item.target) >= MOST_WAITING:
                return False
            values = (item.key, item.id, item.target, item.payload, item.until_ms, now_ms, now_ms)
            return db.execute(_INSERT, values).rowcount > 0

        return await self._file.write(work)

    async def claim(self, target: str, *, now_ms: int, lease_ms: int, most: int) -> list[Claim]:
        query = """UPDATE budget_outbox SET due_ms = ?, attempts = attempts + 1 WHERE key IN (
                SELECT key FROM budget_outbox WHERE sent = 0 AND due_ms <= ? AND target = ? AND put_ms > ?
                    ORDER BY due_ms, key LIMIT ?)
            RETURNING key, id, target, payload, until_ms, attempts, put_ms"""
        values = (now_ms + lease_ms, now_ms, target, now_ms - GIVEN_UP_AFTER_MS, most)
        rows = await self._file.write(lambda db: db.execute(query, values).fetchall())
        return [Claim(Item(*row[:5]), row[5]) for row in sorted(rows, key=lambda row: (row[6], row[0]))]

    async def sent(self, claim: Claim, *, now_ms: int) -> None:
        query = "UPDATE budget_outbox SET sent = 1, payload = '', due_ms = ? WHERE key = ? AND id = ? AND attempts = ?"
        values = (now_ms, claim.item.key, claim.item.id, claim.attempt)
        await self._file.write(lambda db: db.execute(query, values))

    async def later(self, claim: Claim, *, due_ms: int) -> None:
        query = "UPDATE budget_outbox SET due_ms = ? WHERE key = ? AND id = ? AND attempts = ? AND sent = 0"
        values = (due_ms, claim.item.key, claim.item.id, claim.attempt)
        await self._file.write(lambda db: db.execute(query, values))

    async def waiting(self, target: str) -> int:
        return await self._file.scan(lambda db: _waiting(db, target))


_INSERT = """INSERT INTO budget_outbox (key, id, target, payload, until_ms, put_ms, due_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"""


def _waiting(db: sqlite3.Connection, target: str) -> int:
    query = "SELECT count(*) FROM budget_outbox WHERE sent = 0 AND target = ?"
    return int(db.execute(query, (target,)).fetchone()[0])


def _forget(db: sqlite3.Connection, now_ms: int) -> None:
    # A few with each new one, so that they never become many.
    for where, than in (
        ("sent = 1 AND until_ms <= ?", now_ms),
        ("sent = 0 AND put_ms <= ?", now_ms - GIVEN_UP_AFTER_MS),
    ):
        over = f"SELECT key FROM budget_outbox WHERE {where} LIMIT ?"  # noqa: S608 - ours
        db.execute(f"DELETE FROM budget_outbox WHERE key IN ({over})", (than, _FORGOTTEN_AT_ONCE))  # noqa: S608
