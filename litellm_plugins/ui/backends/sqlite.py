"""Passes in an SQLite file."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple
from typing import TYPE_CHECKING

from litellm_plugins.storage.migrations import Migration, add_columns
from litellm_plugins.ui.passes import Kind, Pass, Role

if TYPE_CHECKING:
    from litellm_plugins.storage.sqlite import SqliteFile

SCHEMA = (
    Migration(
        16,
        (
            """CREATE TABLE IF NOT EXISTS ui_passes (
                id TEXT PRIMARY KEY, kind TEXT NOT NULL, role TEXT NOT NULL, team TEXT NOT NULL, made_by TEXT NOT NULL,
                made_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, token_id TEXT NOT NULL) WITHOUT ROWID""",
        ),
    ),
    Migration(18, (add_columns("ui_passes", team_id="TEXT NOT NULL DEFAULT ''"),)),
)
_COLUMNS = "id, kind, role, team, made_by, made_ms, until_ms, token_id, team_id"  # in the order of a pass's fields
_PUT = f"INSERT OR REPLACE INTO ui_passes ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - ours


class SqlitePasses:
    """Keeps `PassStore`. The file belongs to whoever opened it."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def put(self, given: Pass, *, now_ms: int) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM ui_passes WHERE until_ms <= ?", (now_ms,))
            db.execute(_PUT, tuple(map(_plain, astuple(given))))

        await self._file.write(work)

    async def get(self, pass_id: str, *, now_ms: int) -> Pass | None:
        query = f"SELECT {_COLUMNS} FROM ui_passes WHERE id = ? AND until_ms > ?"  # noqa: S608 - ours
        row = await self._file.read(lambda db: db.execute(query, (pass_id, now_ms)).fetchone())
        return None if row is None else _pass(row)

    async def drop(self, pass_id: str) -> bool:
        query = "DELETE FROM ui_passes WHERE id = ?"
        return await self._file.write(lambda db: db.execute(query, (pass_id,)).rowcount > 0)

    async def tokens(self, *, now_ms: int) -> list[Pass]:
        query = f"SELECT {_COLUMNS} FROM ui_passes WHERE kind = 'token' AND until_ms > ? ORDER BY made_ms, id"  # noqa: S608
        rows = await self._file.read(lambda db: db.execute(query, (now_ms,)).fetchall())
        return [_pass(row) for row in rows]


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Kind | Role) else value


def _pass(row: tuple[str, str, str, str, str, int, int, str, str]) -> Pass:
    pass_id, kind, role, *others = row
    return Pass(pass_id, Kind(kind), Role(role), *others)  # type: ignore[arg-type]  # a row has what was put
