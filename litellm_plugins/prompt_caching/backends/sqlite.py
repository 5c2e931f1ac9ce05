"""What workers tell each other of prompts, in an SQLite file of its own: no other writer waits for it."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from typing import TYPE_CHECKING

from litellm_plugins.prompt_caching.store import (
    FORGET_AT_ONCE,
    KEEP_FAMILIES_MS,
    KEEP_SIGHTS_MS,
    MOST_SIGHTS,
    Batch,
    Kept,
)
from litellm_plugins.storage.feeds import forget_rows, rows_since
from litellm_plugins.storage.migrations import Migration

if TYPE_CHECKING:
    from litellm_plugins.storage.sqlite import SqliteFile

SCHEMA = (
    Migration(
        1,
        (
            """CREATE TABLE IF NOT EXISTS prompt_sights (
                number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, worker TEXT NOT NULL,
                at_ms INTEGER NOT NULL, body BLOB NOT NULL)""",
            """CREATE TABLE IF NOT EXISTS prompt_families (
                id TEXT PRIMARY KEY, since_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL, last BLOB NOT NULL)
                WITHOUT ROWID""",
            "CREATE INDEX IF NOT EXISTS prompt_families_by_time ON prompt_families (at_ms)",
            """CREATE TABLE IF NOT EXISTS prompt_counts (
                id TEXT NOT NULL, what TEXT NOT NULL, times INTEGER NOT NULL, PRIMARY KEY (id, what)) WITHOUT ROWID""",
        ),
    ),
)


class SqlitePrompts:
    """Keeps `PromptStore`, and closes the file."""

    def __init__(self, file: SqliteFile, *, max_families: int) -> None:
        self._file, self._max_families = file, max_families

    async def add(self, batch: Batch, *, now_ms: int) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            insert = "INSERT OR IGNORE INTO prompt_sights (id, worker, at_ms, body) VALUES (?, ?, ?, ?)"
            if db.execute(insert, (batch.id, batch.worker, now_ms, batch.sights)).rowcount == 0:
                return False
            db.executemany(
                """INSERT INTO prompt_families VALUES (?, ?, ?, ?)
                    ON CONFLICT (id) DO UPDATE SET at_ms = excluded.at_ms, last = excluded.last""",
                [(name, now_ms, now_ms, told.last) for name, told in batch.families.items()],
            )
            db.executemany(
                """INSERT INTO prompt_counts VALUES (?, ?, ?)
                    ON CONFLICT (id, what) DO UPDATE SET times = times + excluded.times""",
                [(name, what, times) for name, told in batch.families.items() for what, times in told.counts.items()],
            )
            self._forget(db, now_ms)
            return True

        return await self._file.write(work)

    async def since(self, cursor: str, worker: str) -> tuple[list[bytes], str]:
        return await self._file.read(lambda db: rows_since(db, "prompt_sights", cursor, worker))

    async def families(self) -> dict[str, Kept]:
        def work(db: sqlite3.Connection) -> dict[str, Kept]:
            counts: dict[str, dict[str, int]] = defaultdict(dict)
            for name, what, times in db.execute("SELECT id, what, times FROM prompt_counts"):
                counts[name][what] = times
            rows = db.execute("SELECT id, since_ms, last FROM prompt_families").fetchall()
            return {name: Kept(since_ms, counts[name], last) for name, since_ms, last in rows}

        return await self._file.scan(work)

    async def aclose(self) -> None:
        await self._file.aclose()

    def _forget(self, db: sqlite3.Connection, now_ms: int) -> None:
        forget_rows(db, "prompt_sights", before_ms=now_ms - KEEP_SIGHTS_MS, most=MOST_SIGHTS)
        over = db.execute("SELECT count(*) FROM prompt_families").fetchone()[0] - self._max_families
        query = "SELECT id FROM prompt_families WHERE at_ms < ? ORDER BY at_ms LIMIT ?"
        gone = db.execute(query, (now_ms - KEEP_FAMILIES_MS, FORGET_AT_ONCE)).fetchall()
        gone += db.execute("SELECT id FROM prompt_families ORDER BY at_ms LIMIT ?", (max(0, over),)).fetchall()
        db.executemany("DELETE FROM prompt_families WHERE id = ?", gone)
        db.executemany("DELETE FROM prompt_counts WHERE id = ?", gone)
