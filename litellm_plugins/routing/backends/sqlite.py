"""What workers tell each other of conversations, in an SQLite file of its own: no other writer waits for it."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from litellm_plugins.routing.session_store import KEEP_MS, MOST
from litellm_plugins.storage.feeds import forget_rows, rows_since
from litellm_plugins.storage.migrations import Migration

if TYPE_CHECKING:
    from litellm_plugins.storage.sqlite import SqliteFile

SCHEMA = (
    Migration(
        1,
        (
            """CREATE TABLE IF NOT EXISTS route_sessions (
                number INTEGER PRIMARY KEY AUTOINCREMENT, worker TEXT NOT NULL, at_ms INTEGER NOT NULL,
                body BLOB NOT NULL)""",
        ),
    ),
)


class SqliteSessions:
    """Keeps `SessionStore`, and closes the file."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def add(self, worker: str, body: bytes, *, now_ms: int) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.execute("INSERT INTO route_sessions (worker, at_ms, body) VALUES (?, ?, ?)", (worker, now_ms, body))
            forget_rows(db, "route_sessions", before_ms=now_ms - KEEP_MS, most=MOST)

        await self._file.write(work)

    async def since(self, cursor: str, worker: str) -> tuple[list[bytes], str]:
        return await self._file.read(lambda db: rows_since(db, "route_sessions", cursor, worker))

    async def aclose(self) -> None:
        await self._file.aclose()
