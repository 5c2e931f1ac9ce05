"""What judging cost, in the SQLite file."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from litellm_plugins.storage.migrations import Migration

if TYPE_CHECKING:
    from litellm_plugins.storage.sqlite import SqliteFile

SCHEMA = (Migration(7, ("CREATE TABLE IF NOT EXISTS judge_spend (day TEXT PRIMARY KEY, nano_usd INTEGER NOT NULL)",)),)


class SqliteJudgeSpend:
    """Keeps `JudgeSpend`. The file belongs to the entries' store, which closes it."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def spent(self, day: str) -> int:
        row: tuple[int] | None = await self._file.read(
            lambda db: db.execute("SELECT nano_usd FROM judge_spend WHERE day = ?", (day,)).fetchone()
        )
        return 0 if row is None else row[0]

    async def add(self, day: str, nano_usd: int) -> None:
        await self._file.write(lambda db: _add(db, day, nano_usd))


def _add(db: sqlite3.Connection, day: str, nano_usd: int) -> None:
    db.execute(
        """INSERT INTO judge_spend (day, nano_usd) VALUES (?, ?)
            ON CONFLICT (day) DO UPDATE SET nano_usd = nano_usd + excluded.nano_usd""",
        (day, nano_usd),
    )
    db.execute("DELETE FROM judge_spend WHERE day < date(substr(?, 1, 10), '-7 days')", (day,))
