"""The checks in the SQLite file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_plugins.cache.checks import Check
from litellm_plugins.model import Layer, Outcome, Reason
from litellm_plugins.storage.migrations import Migration

if TYPE_CHECKING:
    from litellm_plugins.storage.sqlite import SqliteFile

_KEPT = 20_000  # checks, about 2 MB; the oldest go first

SCHEMA = (
    Migration(
        5,
        (
            """CREATE TABLE IF NOT EXISTS cache_checks (
                id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, layer TEXT NOT NULL, reason TEXT NOT NULL,
                outcome TEXT NOT NULL, weight REAL NOT NULL, model_group TEXT NOT NULL, team TEXT NOT NULL,
                similarity REAL, probability REAL)""",
            f"""CREATE TRIGGER IF NOT EXISTS cache_checks_bound AFTER INSERT ON cache_checks
                BEGIN DELETE FROM cache_checks WHERE id <= NEW.id - {_KEPT}; END""",  # noqa: S608 - a constant
        ),
    ),
)


class SqliteCheckStore:
    """Keeps `CheckStore`. The file belongs to the entries' store, which closes it."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def add(self, check: Check) -> None:
        row = (check.at, check.layer, check.reason, check.outcome, check.weight, check.model_group, check.team)
        insert = """INSERT INTO cache_checks
            (at, layer, reason, outcome, weight, model_group, team, similarity, probability)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
        values = (*row, check.similarity, check.probability)
        await self._file.write(lambda db: db.execute(insert, values))

    async def newest(
        self, limit: int, *, since: float = 0.0, team: str | None = None, model_group: str | None = None
    ) -> list[Check]:
        query = """SELECT at, layer, reason, outcome, weight, model_group, team, similarity, probability
            FROM cache_checks WHERE at >= ? AND (? IS NULL OR team = ?) AND (? IS NULL OR model_group = ?)
            ORDER BY id DESC LIMIT ?"""
        given = (since, team, team, model_group, model_group, limit)
        rows = await self._file.scan(lambda db: db.execute(query, given).fetchall())
        return [
            Check(at, Layer(layer), Reason(reason), Outcome(outcome), *rest)
            for at, layer, reason, outcome, *rest in rows
        ]
