"""Summaries of old turns in an SQLite file of their own: no other writer waits for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from litellm_plugins.compression.summary_store import KEEP_MS, MOST
from litellm_plugins.storage.migrations import Migration

if TYPE_CHECKING:
    from litellm_plugins.storage.sqlite import SqliteFile

SCHEMA = (
    Migration(
        1,
        (
            """CREATE TABLE IF NOT EXISTS history_summaries (
                tenant TEXT NOT NULL, turns BLOB NOT NULL, at_ms INTEGER NOT NULL, text BLOB NOT NULL,
                PRIMARY KEY (tenant, turns))""",
            "CREATE INDEX IF NOT EXISTS history_summaries_by_time ON history_summaries (at_ms)",
        ),
    ),
)


class SqliteSummaries:
    """Keeps `SummaryStore`, and closes the file."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def get(self, tenant: str, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        marks = ",".join("?" * len(keys))
        query = f"SELECT turns, text FROM history_summaries WHERE tenant = ? AND turns IN ({marks})"  # noqa: S608 - marks
        return dict(await self._file.read(lambda db: db.execute(query, (tenant, *keys)).fetchall()))

    async def put(self, tenant: str, key: bytes, text: bytes, *, now_ms: int) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM history_summaries WHERE at_ms < ?", (now_ms - KEEP_MS,))
            db.execute("INSERT OR IGNORE INTO history_summaries VALUES (?, ?, ?, ?)", (tenant, key, now_ms, text))
            over = db.execute("SELECT count(*) FROM history_summaries").fetchone()[0] - MOST
            oldest = "SELECT rowid FROM history_summaries ORDER BY at_ms LIMIT ?"
            db.execute(f"DELETE FROM history_summaries WHERE rowid IN ({oldest})", (max(0, over),))  # noqa: S608

        await self._file.write(work)

    async def aclose(self) -> None:
        await self._file.aclose()
