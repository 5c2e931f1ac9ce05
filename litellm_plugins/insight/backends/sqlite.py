"""Usage in an SQLite file of its own: whoever deletes the cache keeps the costs, and neither waits for the other."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING

from litellm_plugins.insight.routes import RouteSums, RouteWords
from litellm_plugins.insight.store import KEEP_BATCHES_MS, KEEP_EXAMPLES_MS, MOST_EXAMPLES, Batch
from litellm_plugins.insight.usage import (
    DIMENSIONS,
    FAILED,
    HITS,
    Dimension,
    Example,
    Row,
    Sums,
    Tally,
    Words,
    hour_of,
    tally,
)
from litellm_plugins.storage.migrations import Migration

if TYPE_CHECKING:
    from litellm_plugins.storage.sqlite import SqliteFile

_WORDS = ", ".join(f'"{each}"' for each in DIMENSIONS)  # "key" is a word of SQL's
_SUMS = ", ".join(Sums._fields)
_CALL = (
    "at_ms, trace_id, call_id, feature, team, user, key_id, model_group, model, ending, spent_nano_usd, prompt_tokens"
)

_TALLY = (*Sums._fields, "hits", "failed")
_HITS, _FAILED = (", ".join(f"'{each}'" for each in sorted(words)) for words in (HITS, FAILED))
_TALLIED = ", ".join(
    (
        *(f"sum({each})" for each in Sums._fields),
        f"sum(CASE WHEN layer IN ({_HITS}) THEN requests ELSE 0 END)",
        f"sum(CASE WHEN ending IN ({_FAILED}) THEN requests ELSE 0 END)",
    )
)
_EVER = 2**62
_STILL_COUNTED = 2  # hours: what a worker had in hand when one ended comes a little later
_ALL = ""  # in the place of a dimension: the hour as a whole
_ALONE = (_ALL, *DIMENSIONS)


def _fill_words(db: sqlite3.Connection, since: int = 0, until: int = _EVER) -> None:
    for each in _ALONE:
        word = f'"{each}"' if each else "''"
        db.execute(
            f"""INSERT INTO insight_words SELECT '{each}', hour, {word}, {_TALLIED} FROM insight_usage
                WHERE hour >= ? AND hour < ? GROUP BY hour, {word}""",  # noqa: S608 - names of ours
            (since, until),
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
    # The same by each dimension alone: an hour has thousands of rows, but few words of a kind, and most ask for those.
    Migration(
        14,
        (
            f"""CREATE TABLE insight_words (
                dimension TEXT NOT NULL, hour INTEGER NOT NULL, word TEXT NOT NULL,
                {", ".join(f"{each} INTEGER NOT NULL" for each in _TALLY)},
                PRIMARY KEY (dimension, hour, word)) WITHOUT ROWID""",
            _fill_words,
        ),
    ),
    Migration(
        15,
        (
            f"""CREATE TABLE IF NOT EXISTS insight_routes (
                hour INTEGER NOT NULL, route TEXT NOT NULL, ending TEXT NOT NULL,
                {", ".join(f"{each} INTEGER NOT NULL" for each in RouteSums._fields)},
                PRIMARY KEY (hour, route, ending)) WITHOUT ROWID""",
        ),
    ),
)

_ADDED = ", ".join(f"{each} = {each} + excluded.{each}" for each in Sums._fields)
_UPSERT = f"""INSERT INTO insight_usage (hour, {_WORDS}, {_SUMS})
    VALUES ({", ".join("?" * (1 + len(DIMENSIONS) + len(Sums._fields)))})
    ON CONFLICT (hour, {_WORDS}) DO UPDATE SET {_ADDED}
"""  # noqa: S608 - names of ours
_TALLIES_ADDED = ", ".join(f"{each} = {each} + excluded.{each}" for each in _TALLY)
_UPSERT_WORD = f"""INSERT INTO insight_words VALUES ({", ".join("?" * (3 + len(_TALLY)))})
    ON CONFLICT (dimension, hour, word) DO UPDATE SET {_TALLIES_ADDED}
"""  # noqa: S608 - the same
_ROUTES_ADDED = ", ".join(f"{each} = {each} + excluded.{each}" for each in RouteSums._fields)
_UPSERT_ROUTE = f"""INSERT INTO insight_routes VALUES ({", ".join("?" * (3 + len(RouteSums._fields)))})
    ON CONFLICT (hour, route, ending) DO UPDATE SET {_ROUTES_ADDED}
"""  # noqa: S608 - the same
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
            _mend_words(db, max((hour for hour, _ in batch.sums), default=0))
            db.executemany(_UPSERT, [(hour, *words, *sums) for (hour, words), sums in batch.sums.items()])
            db.executemany(_UPSERT_WORD, _by_word(batch))
            db.executemany(_UPSERT_ROUTE, [(hour, *words, *sums) for (hour, words), sums in batch.routes.items()])
            db.executemany(_INSERT_CALL, map(astuple, batch.examples))
            self._forget(db, now_ms)
            return True

        return await self._file.write(work)

    async def rows(
        self, since: int, until: int, by: Sequence[Dimension], *, of: tuple[Dimension, str] | None = None
    ) -> list[Row]:
        end = 1 + len(by)
        columns = ", ".join(["hour", *(f'"{each}"' for each in by)])
        told = ", ".join(f"sum({each})" for each in Sums._fields)
        whose = "" if of is None else f' AND "{of[0]}" = ?'
        query = f"""SELECT {columns}, {told} FROM insight_usage WHERE hour >= ? AND hour < ?{whose}
            GROUP BY {columns} ORDER BY {columns}"""  # noqa: S608 - names of ours
        given: tuple[object, ...] = (since, until) if of is None else (since, until, of[1])
        if len(by) < 2 and of is None:
            word = "word, " if by else ""
            query = f"""SELECT hour, {word}{_SUMS} FROM insight_words
                WHERE dimension = ? AND hour >= ? AND hour < ? ORDER BY hour, word"""  # noqa: S608 - the same
            given = (by[0] if by else _ALL, *given)

        def work(db: sqlite3.Connection) -> list[Row]:  # made there: weeks of them would hold the loop up for a second
            return [Row(each[0], tuple(each[1:end]), Sums(*each[end:])) for each in db.execute(query, given)]

        return await self._file.scan(work)

    async def tallied(self, since: int, until: int, groups: Sequence[Sequence[Dimension]]) -> list[dict[Words, Tally]]:
        return await self._file.scan(lambda db: [_tallied(db, since, until, by) for by in groups])

    async def routes(self, since: int, until: int) -> dict[RouteWords, RouteSums]:
        told = ", ".join(f"sum({each})" for each in RouteSums._fields)
        query = f"""SELECT route, ending, {told} FROM insight_routes WHERE hour >= ? AND hour < ?
            GROUP BY route, ending"""  # noqa: S608 - names of ours
        rows = await self._file.scan(lambda db: db.execute(query, (since, until)).fetchall())
        return {(route, ending): RouteSums(*map(int, sums)) for route, ending, *sums in rows}

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
        first = db.execute("SELECT min(hour) FROM insight_usage").fetchone()[0]
        if first is not None and first < hour_of(now_ms) - self._keep_hours:
            db.execute("DELETE FROM insight_usage WHERE hour = ?", (first,))
            db.executemany(
                "DELETE FROM insight_words WHERE dimension = ? AND hour = ?", [(each, first) for each in _ALONE]
            )
        db.execute("DELETE FROM insight_routes WHERE hour < ?", (hour_of(now_ms) - self._keep_hours,))
        db.execute("DELETE FROM insight_batches WHERE at_ms < ?", (now_ms - KEEP_BATCHES_MS,))
        over = "SELECT at_ms FROM insight_calls ORDER BY at_ms DESC LIMIT 1 OFFSET ?"
        oldest = db.execute(over, (MOST_EXAMPLES,)).fetchone()
        before = max(now_ms - KEEP_EXAMPLES_MS, oldest[0] + 1 if oldest else 0)
        db.execute("DELETE FROM insight_calls WHERE at_ms < ?", (before,))


def _mend_words(db: sqlite3.Connection, hour: int) -> None:
    """Before the first batch of `hour`: the words of those before it, anew.

    A worker of the version that had no `insight_words`, which runs on for a while beside this one, adds to
    `insight_usage` alone.
    """
    newest = db.execute("SELECT max(hour) FROM insight_words WHERE dimension = ?", (_ALL,)).fetchone()[0]
    if newest is None or newest >= hour:
        return
    since = newest + 1 - _STILL_COUNTED
    db.executemany(
        "DELETE FROM insight_words WHERE dimension = ? AND hour >= ? AND hour < ?",
        [(each, since, hour) for each in _ALONE],
    )
    _fill_words(db, since, hour)


def _by_word(batch: Batch) -> list[tuple[object, ...]]:
    found: dict[tuple[str, int, str], Tally] = {}
    for (hour, words), sums in batch.sums.items():
        told = tally(words, sums)
        for dimension, word in zip(_ALONE, ("", *words), strict=True):
            before = found.get((dimension, hour, word))
            found[dimension, hour, word] = told if before is None else before.plus(told)
    return [(*names, *told.sums, told.hits, told.failed) for names, told in found.items()]


def _tallied(db: sqlite3.Connection, since: int, until: int, by: Sequence[Dimension]) -> dict[Words, Tally]:
    columns, end = ", ".join(f'"{each}"' for each in by), len(by)
    query = f"""SELECT {columns}, {_TALLIED} FROM insight_usage WHERE hour >= ? AND hour < ?
        GROUP BY {columns}"""  # noqa: S608 - names of ours
    given: tuple[object, ...] = (since, until)
    if len(by) < 2:
        told = ", ".join(f"sum({each})" for each in _TALLY)
        query = f"""SELECT word, {told} FROM insight_words WHERE dimension = ? AND hour >= ? AND hour < ?
            GROUP BY word"""  # noqa: S608 - the same
        given, end = (by[0] if by else _ALL, *given), 1
    rows = db.execute(query, given)
    return {tuple(each[: len(by)]): Tally(Sums(*each[end:-2]), *each[-2:]) for each in rows}
