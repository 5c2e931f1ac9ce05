"""Judged pairs in the SQLite file."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from litellm_plugins.cache.pairs import MOST_KEPT
from litellm_plugins.storage.migrations import Migration

if TYPE_CHECKING:
    from litellm_plugins.storage.sqlite import SqliteFile

SCHEMA = (
    Migration(
        16,
        (
            """CREATE TABLE IF NOT EXISTS barred_pairs (
                tenant TEXT NOT NULL, pair BLOB NOT NULL, until_s REAL NOT NULL,
                PRIMARY KEY (tenant, pair)) WITHOUT ROWID""",
            "CREATE INDEX IF NOT EXISTS barred_pairs_by_end ON barred_pairs (until_s)",
            """CREATE TABLE IF NOT EXISTS vouched_answers (
                tenant TEXT NOT NULL, answer BLOB NOT NULL, people INTEGER NOT NULL,
                PRIMARY KEY (tenant, answer)) WITHOUT ROWID""",
        ),
    ),
)


class SqlitePairs:
    """Keeps `PairStore`. The file belongs to the entries' store, which closes it."""

    def __init__(self, file: SqliteFile, *, most: int = MOST_KEPT, clock: Callable[[], float] = time.time) -> None:
        self._file, self._most, self._clock = file, most, clock

    async def bar(self, tenant: str, pairs: Sequence[bytes], *, until_s: float) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.executemany(
                """INSERT INTO barred_pairs (tenant, pair, until_s) VALUES (?, ?, ?)
                    ON CONFLICT (tenant, pair) DO UPDATE SET until_s = max(until_s, excluded.until_s)""",
                [(tenant, pair, until_s) for pair in pairs],
            )
            db.execute("DELETE FROM barred_pairs WHERE until_s <= ?", (self._clock(),))
            over = db.execute("SELECT count(*) FROM barred_pairs").fetchone()[0] - self._most
            if over > 0:
                first = "SELECT tenant, pair FROM barred_pairs ORDER BY until_s LIMIT ?"
                db.execute(f"DELETE FROM barred_pairs WHERE (tenant, pair) IN ({first})", (over,))  # noqa: S608 - ours

        await self._file.write(work)

    async def unbar(self, tenant: str, pairs: Sequence[bytes], *, ending_by_s: float) -> None:
        rows = [(tenant, pair, ending_by_s) for pair in pairs]
        query = "DELETE FROM barred_pairs WHERE tenant = ? AND pair = ? AND until_s <= ?"
        await self._file.write(lambda db: db.executemany(query, rows))

    async def is_barred(self, tenant: str, pairs: Sequence[bytes]) -> bool:
        marks = ", ".join("?" * len(pairs))
        query = f"SELECT 1 FROM barred_pairs WHERE tenant = ? AND until_s > ? AND pair IN ({marks}) LIMIT 1"  # noqa: S608
        given = (tenant, self._clock(), *pairs)
        return await self._file.read(lambda db: db.execute(query, given).fetchone() is not None)

    async def vouch(self, tenant: str, answer: bytes, by: int) -> int:
        def work(db: sqlite3.Connection) -> int:
            row = db.execute(
                """INSERT INTO vouched_answers (tenant, answer, people) VALUES (?, ?, max(0, ?))
                    ON CONFLICT (tenant, answer) DO UPDATE SET people = max(0, people + ?) RETURNING people""",
                (tenant, answer, by, by),
            ).fetchone()
            if not row[0]:
                db.execute("DELETE FROM vouched_answers WHERE tenant = ? AND answer = ?", (tenant, answer))
            over = db.execute("SELECT count(*) FROM vouched_answers").fetchone()[0] - self._most
            if over > 0:
                fewest = "SELECT tenant, answer FROM vouched_answers ORDER BY people LIMIT ?"
                db.execute(f"DELETE FROM vouched_answers WHERE (tenant, answer) IN ({fewest})", (over,))  # noqa: S608
            return int(row[0])

        return await self._file.write(work)

    async def vouched(self, tenant: str, answer: bytes) -> int:
        query = "SELECT people FROM vouched_answers WHERE tenant = ? AND answer = ?"
        row = await self._file.read(lambda db: db.execute(query, (tenant, answer)).fetchone())
        return 0 if row is None else int(row[0])
