"""What the sync with Langfuse remembers, in the SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from litellm_plugins.review.sync_store import MOST_NOTES, Note
from litellm_plugins.storage.migrations import Migration

if TYPE_CHECKING:
    from litellm_plugins.storage.sqlite import SqliteFile

SCHEMA = (
    Migration(
        18,
        (
            """CREATE TABLE IF NOT EXISTS review_sync_notes (
                number INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
                told TEXT NOT NULL, UNIQUE (scope, kind, id))""",
            """CREATE TABLE IF NOT EXISTS review_sync_leases (
                scope TEXT PRIMARY KEY, owner TEXT NOT NULL, until_s REAL NOT NULL) WITHOUT ROWID""",
        ),
    ),
)
_PAGE = 500  # SQLite takes only so many marks in one statement


class SqliteSync:
    """Keeps `SyncStore`. The file belongs to the entries' store, which closes it."""

    def __init__(self, file: SqliteFile, *, most: int = MOST_NOTES) -> None:
        self._file, self._most = file, most

    async def lease(self, scope: str, owner: str, *, now_s: float, for_s: float) -> bool:
        query = """INSERT INTO review_sync_leases (scope, owner, until_s) VALUES (?, ?, ?)
            ON CONFLICT (scope) DO UPDATE SET owner = excluded.owner, until_s = excluded.until_s
            WHERE owner = excluded.owner OR until_s <= ?"""
        values = (scope, owner, now_s + for_s, now_s)
        return await self._file.write(lambda db: db.execute(query, values).rowcount > 0)

    async def release(self, scope: str, owner: str) -> None:
        query = "DELETE FROM review_sync_leases WHERE scope = ? AND owner = ?"
        await self._file.write(lambda db: db.execute(query, (scope, owner)))

    async def note(self, scope: str, kind: Note, told: Mapping[str, str]) -> None:
        rows = [(scope, str(kind), id_, value) for id_, value in told.items()]
        insert = """INSERT INTO review_sync_notes (scope, kind, id, told) VALUES (?, ?, ?, ?)
            ON CONFLICT (scope, kind, id) DO UPDATE SET told = excluded.told"""
        oldest = """DELETE FROM review_sync_notes WHERE number IN (SELECT number FROM review_sync_notes
            WHERE scope = ? AND kind = ? ORDER BY number DESC LIMIT -1 OFFSET ?)"""

        def work(db: sqlite3.Connection) -> None:
            db.executemany(insert, rows)
            db.execute(oldest, (scope, str(kind), self._most))

        await self._file.write(work)

    async def noted(self, scope: str, kind: Note, ids: Sequence[str]) -> dict[str, str]:
        def work(db: sqlite3.Connection) -> dict[str, str]:
            found: dict[str, str] = {}
            for page, marks in _pages(ids):
                query = f"SELECT id, told FROM review_sync_notes WHERE scope = ? AND kind = ? AND id IN ({marks})"  # noqa: S608
                found |= dict(db.execute(query, (scope, str(kind), *page)).fetchall())
            return found

        return await self._file.read(work)

    async def all_noted(self, scope: str, kind: Note) -> dict[str, str]:
        query = "SELECT id, told FROM review_sync_notes WHERE scope = ? AND kind = ? ORDER BY number"
        return await self._file.scan(lambda db: dict(db.execute(query, (scope, str(kind))).fetchall()))

    async def forget(self, scope: str, kind: Note, ids: Sequence[str]) -> None:
        def work(db: sqlite3.Connection) -> None:
            for page, marks in _pages(ids):
                query = f"DELETE FROM review_sync_notes WHERE scope = ? AND kind = ? AND id IN ({marks})"  # noqa: S608
                db.execute(query, (scope, str(kind), *page))

        await self._file.write(work)


def _pages(ids: Sequence[str]) -> list[tuple[Sequence[str], str]]:
    pages = [ids[at : at + _PAGE] for at in range(0, len(ids), _PAGE)]
    return [(page, ", ".join("?" * len(page))) for page in pages]
