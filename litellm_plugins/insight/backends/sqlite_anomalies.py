"""What was told of anomalies, in the same SQLite file as usage."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from litellm_plugins.insight.store import MOST_ANOMALIES, ToldAnomaly
from litellm_plugins.storage.migrations import Migration

if TYPE_CHECKING:
    from litellm_plugins.storage.sqlite import SqliteFile

SCHEMA = (
    Migration(
        17,
        (
            """CREATE TABLE IF NOT EXISTS insight_anomalies (
                id TEXT PRIMARY KEY, kind TEXT NOT NULL, dimension TEXT NOT NULL, word TEXT NOT NULL,
                at_ms INTEGER NOT NULL, team TEXT NOT NULL, text TEXT NOT NULL) WITHOUT ROWID""",
            "CREATE INDEX IF NOT EXISTS insight_anomalies_by_time ON insight_anomalies (at_ms)",
        ),
    ),
)


class SqliteAnomalies:
    """Keeps `AnomalyLog`. The file belongs to whoever opened it."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def keep(self, told: ToldAnomaly) -> None:
        over = """DELETE FROM insight_anomalies WHERE id IN (
            SELECT id FROM insight_anomalies ORDER BY at_ms DESC, id LIMIT -1 OFFSET ?)"""
        row = (told.id, told.kind, *told.subject, told.at_ms, told.team, told.text)

        def work(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR IGNORE INTO insight_anomalies VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            db.execute(over, (MOST_ANOMALIES,))

        await self._file.write(work)

    async def latest(self, most: int, *, since_ms: int, team: str | None) -> list[ToldAnomaly]:
        whose = "" if team is None else " AND team = ?"
        query = f"""SELECT * FROM insight_anomalies WHERE at_ms >= ?{whose}
            ORDER BY at_ms DESC, id LIMIT ?"""  # noqa: S608 - ours
        given = (since_ms, most) if team is None else (since_ms, team, most)
        rows = await self._file.scan(lambda db: db.execute(query, given).fetchall())
        return [ToldAnomaly(row[0], row[1], (row[2], row[3]), *row[4:]) for row in rows]
