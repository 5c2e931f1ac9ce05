"""Usage in an SQLite file of its own: whoever deletes the cache keeps the costs, and neither waits for the other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, TypeVar

from litellm_plugins.insight.store import KEEP_BATCHES_MS, KEEP_EXAMPLES_MS, MOST_EXAMPLES, Batch
from litellm_plugins.insight.usage import DIMENSIONS, Dimension, Example, Row, Sums, Words, hour_of
from litellm_plugins.storage.migrations import Migration

if TYPE_CHECKING:
    from litellm_plugins.storage.sqlite import SqliteFile

_T = TypeVar("_T")
_WORDS = ", ".join(f'"{each}"' for each in DIMENSIONS)  # "key" is a word of SQL's
_SUMS = ", ".join(Sums._fields)
_CALL = (
    "at_ms, trace_id, call_id, feature, team, user, key_id, model_group, model, ending, spent_nano_usd, prompt_tokens"
)

SCHEMA = (
    Migration(
        11,
        (
            f"""CREATE TABLE IF NOT EXISTS insight_usage (
                hour INTEGER NOT NULL, {", ".join(f'"{each}" TEXT NOT NULL' for each in DIMENSIONS)},
                {", ".join(f"{each} INTEGER NOT NULL" for each in Sums._fields)},
                PRIMARY KEY (hour, {_WORDS})) WITHOUT ROWID""",
            "CREATE TABLE IF NOT EXISTS insight_batches (id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) WITHOUT ROWID",
            """CREATE TABLE IF NOT EXISTS insight_calls (
                at_ms INTEGER NOT NULL, trace_id TEXT NOT NULL, call_id TEXT NOT NULL, feature TEXT NOT NULL,
                team TEXT NOT NULL, user TEXT NOT NULL, key_id TEXT NOT NULL, model_group TEXT NOT NULL,
                model TEXT NOT NULL, ending TEXT NOT NULL, spent_nano_usd INTEGER NOT NULL,
                prompt_tokens INTEGER NOT NULL)""",
            "CREATE INDEX IF NOT EXISTS insight_calls_by_time ON insight_calls (at_ms)",
            "CREATE TABLE IF NOT EXISTS insight_turns (name TEXT PRIMARY KEY, until_ms INTEGER NOT NULL) WITHOUT ROWID",
        ),
    ),
)

_ADDED = ", ".join(f"{each} = {each} + excluded.{each}" for each in Sums._fields)
_UPSERT = f"""INSERT INTO insight_usage (hour, {_WORDS}, {_SUMS})
    VALUES ({", ".join("?" * (1 + len(DIMENSIONS) + len(Sums._fields)))})
    ON CONFLICT (hour, {_WORDS}) DO UPDATE SET {_ADDED}
"""  # noqa: S608 - names of ours
_INSERT_CALL = f"INSERT INTO insight_calls ({_CALL}) VALUES ({', '.join('?' * 12)})"  # noqa: S608 - the same


class SqliteUsage:
    """Keeps `UsageStore`, and closes the file."""

    def __init__(self, file: SqliteFile, *, keep_hours: int) -> None:
        self._file, self._keep_hours = file, keep_hours

    async def add(self, batch: Batch, *, now_ms: int) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            found = db.execute("INSERT OR IGNORE INTO insight_batches (id, at_ms) VALUES (?, ?)", (batch.id, now_ms))
            if found.rowcount == 0:
                return False
            db.executemany(_UPSERT, [(hour, *words, *sums) for (hour, words), sums in batch.sums.items()])
            db.executemany(_INSERT_CALL, map(astuple, batch.examples))
            self._forget(db, now_ms)
            return True

        return await self._file.write(work)

    async def rows(self, since: int, until: int, by: Sequence[Dimension]) -> list[Row]:
        end = 1 + len(by)

        def made(found: Sequence[Any]) -> list[Row]:
            return [Row(each[0], tuple(each[1:end]), Sums(*each[end:])) for each in found]

        return await self._grouped(since, until, ["hour", *(f'"{each}"' for each in by)], made)

    async def summed(self, since: int, until: int, by: Sequence[Dimension]) -> dict[Words, Sums]:
        end = len(by)

        def made(found: Sequence[Any]) -> dict[Words, Sums]:
            return {tuple(each[:end]): Sums(*each[end:]) for each in found if each[end] is not None}

        return await self._grouped(since, until, [f'"{each}"' for each in by], made)

    async def _grouped(self, since: int, until: int, columns: Sequence[str], made: Callable[[Sequence[Any]], _T]) -> _T:
        """`made` of what is found, there: weeks of rows would hold the loop up for a second."""
        told = ", ".join([*columns, *(f"sum({each})" for each in Sums._fields)])
        by = f"GROUP BY {', '.join(columns)} ORDER BY {', '.join(columns)}" if columns else ""
        query = f"SELECT {told} FROM insight_usage WHERE hour >= ? AND hour < ? {by}"  # noqa: S608 - names of ours
        return await self._file.scan(lambda db: made(db.execute(query, (since, until)).fetchall()))

    async def examples(self, since_ms: int) -> list[Example]:
        query = f"SELECT {_CALL} FROM insight_calls WHERE at_ms >= ? ORDER BY spent_nano_usd DESC, at_ms"  # noqa: S608
        return await self._file.scan(lambda db: [Example(*each) for each in db.execute(query, (since_ms,))])

    async def take_turn(self, name: str, *, now_ms: int, for_ms: int) -> bool:
        query = """INSERT INTO insight_turns (name, until_ms) VALUES (?, ?)
            ON CONFLICT (name) DO UPDATE SET until_ms = excluded.until_ms WHERE until_ms <= ?"""
        values = (name, now_ms + for_ms, now_ms)
        return await self._file.write(lambda db: db.execute(query, values).rowcount > 0)

    async def aclose(self) -> None:
        await self._file.aclose()

    def _forget(self, db: sqlite3.Connection, now_ms: int) -> None:
        # At most an hour with each batch: no writer holds the file for long.
        query = "DELETE FROM insight_usage WHERE hour < ? AND hour = (SELECT min(hour) FROM insight_usage)"
        db.execute(query, (hour_of(now_ms) - self._keep_hours,))
        db.execute("DELETE FROM insight_batches WHERE at_ms < ?", (now_ms - KEEP_BATCHES_MS,))
        over = "SELECT at_ms FROM insight_calls ORDER BY at_ms DESC LIMIT 1 OFFSET ?"
        oldest = db.execute(over, (MOST_EXAMPLES,)).fetchone()
        before = max(now_ms - KEEP_EXAMPLES_MS, oldest[0] + 1 if oldest else 0)
        db.execute("DELETE FROM insight_calls WHERE at_ms < ?", (before,))
