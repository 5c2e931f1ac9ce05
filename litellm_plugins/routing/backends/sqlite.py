"""What workers tell each other of conversations, in an SQLite file of its own: no other writer waits for it."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from litellm_plugins.routing.session_store import KEEP_MS, MOST, READ_AT_ONCE
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
            db.execute("DELETE FROM route_sessions WHERE at_ms < ?", (now_ms - KEEP_MS,))
            db.execute(
                "DELETE FROM route_sessions WHERE number <= (SELECT max(number) FROM route_sessions) - ?", (MOST,)
            )

        await self._file.write(work)

    async def since(self, cursor: str, worker: str) -> tuple[list[bytes], str]:
        def work(db: sqlite3.Connection) -> tuple[list[bytes], str]:
            newest = db.execute("SELECT max(number) FROM route_sessions").fetchone()[0] or 0
            after = int(cursor or 0)
            if newest < after:  # the file is another one
                after = 0
            query = """SELECT body FROM route_sessions WHERE number > ? AND worker <> ?
                ORDER BY number DESC LIMIT ?"""
            found = [row[0] for row in db.execute(query, (after, worker, READ_AT_ONCE))]
            return found[::-1], str(newest)

        return await self._file.read(work)

    async def aclose(self) -> None:
        await self._file.aclose()
