"""Feedback, and what it may be about, in the SQLite file."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, fields
from typing import TYPE_CHECKING

from litellm_plugins.review.feedback import MOST_KEPT, MOST_KEPT_OF_ONE, About, Feedback, Served, Verdict
from litellm_plugins.storage.migrations import Migration, add_columns

if TYPE_CHECKING:
    from litellm_plugins.storage.sqlite import SqliteFile

_SERVED = tuple(field.name for field in fields(Served))
_FEEDBACK = tuple(field.name for field in fields(Feedback))
_LATEST = math.inf

SCHEMA = (
    Migration(
        12,
        (
            """CREATE TABLE IF NOT EXISTS served (
                number INTEGER PRIMARY KEY AUTOINCREMENT, trace_id TEXT NOT NULL, call_id TEXT NOT NULL UNIQUE,
                tenant TEXT NOT NULL, at_s REAL NOT NULL, cache_id TEXT NOT NULL, layer TEXT NOT NULL,
                model_group TEXT NOT NULL, feature TEXT NOT NULL)""",
            "CREATE INDEX IF NOT EXISTS served_by_trace ON served (trace_id)",
            "CREATE INDEX IF NOT EXISTS served_by_entry ON served (cache_id, tenant) WHERE cache_id <> ''",
            """CREATE TABLE IF NOT EXISTS feedback (
                number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, about TEXT NOT NULL,
                tenant TEXT NOT NULL, by TEXT NOT NULL, trace_id TEXT NOT NULL, cache_id TEXT NOT NULL,
                value REAL NOT NULL, verdict TEXT, comment TEXT NOT NULL, user TEXT NOT NULL, at_s REAL NOT NULL,
                layer TEXT NOT NULL, model_group TEXT NOT NULL, feature TEXT NOT NULL)""",
            "CREATE INDEX IF NOT EXISTS feedback_by_time ON feedback (at_s)",
            """CREATE TRIGGER IF NOT EXISTS feedback_bound AFTER INSERT ON feedback
                BEGIN DELETE FROM feedback WHERE number <= NEW.number - 100000; END""",
        ),
    ),
    # One team's flood went out through the others' feedback.
    Migration(
        13,
        (
            "DROP TRIGGER IF EXISTS feedback_bound",
            "CREATE INDEX IF NOT EXISTS feedback_by_tenant ON feedback (tenant, at_s)",
        ),
    ),
    Migration(
        14,
        (
            add_columns("served", route="TEXT NOT NULL DEFAULT ''"),
            add_columns("feedback", route="TEXT NOT NULL DEFAULT ''"),
        ),
    ),
)


class SqliteFeedback:
    """Keeps `FeedbackStore`. The file belongs to the entries' store, which closes it."""

    def __init__(
        self,
        file: SqliteFile,
        *,
        keep_s: float,
        max_served: int,
        max_kept: int = MOST_KEPT,
        max_kept_of_one: int = MOST_KEPT_OF_ONE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._file, self._keep_s, self._max_served, self._clock = file, keep_s, max_served, clock
        self._max_kept, self._max_kept_of_one = max_kept, max_kept_of_one

    async def serve(self, served: Sequence[Served]) -> None:
        rows, ended = [astuple(each) for each in served], self._clock() - self._keep_s
        names, marks = ", ".join(_SERVED), ", ".join("?" * len(_SERVED))

        def work(db: sqlite3.Connection) -> None:
            db.executemany(f"INSERT OR IGNORE INTO served ({names}) VALUES ({marks})", rows)  # noqa: S608
            newest = "(SELECT max(number) FROM served)"
            db.execute(f"DELETE FROM served WHERE number <= {newest} - ?", (self._max_served,))  # noqa: S608
            # Numbers follow time, but for what other workers hold back for a moment.
            db.execute(
                "DELETE FROM served WHERE number IN (SELECT number FROM served ORDER BY number LIMIT 1000)"
                " AND at_s <= ?",
                (ended,),
            )

        await self._file.write(work)

    async def find(self, about: About, target: str, tenant: str) -> Served | None:
        names = ", ".join(_SERVED)
        if about is About.CACHE:
            given: tuple[object, ...] = (target, self._clock() - self._keep_s, tenant)
            query = f"""SELECT {names} FROM served WHERE cache_id = ? AND cache_id <> '' AND at_s > ?
                ORDER BY tenant = ? DESC, number DESC"""  # noqa: S608
        else:
            given = (target, self._clock() - self._keep_s)
            query = f"SELECT {names} FROM served WHERE {about} = ? AND at_s > ? ORDER BY number"  # noqa: S608
        row = await self._file.scan(lambda db: db.execute(f"{query} LIMIT 1", given).fetchone())
        return None if row is None else Served(*row)

    async def put(self, feedback: Feedback) -> bool:
        names, marks = ", ".join(_FEEDBACK), ", ".join("?" * len(_FEEDBACK))
        renewed = ", ".join(f"{name} = excluded.{name}" for name in _FEEDBACK if name != "id")
        insert = f"""INSERT INTO feedback ({names}) VALUES ({marks})
            ON CONFLICT (id) DO UPDATE SET {renewed}"""  # noqa: S608 - names of our own

        def work(db: sqlite3.Connection) -> bool:
            known = db.execute("SELECT 1 FROM feedback WHERE id = ?", (feedback.id,)).fetchone()
            db.execute(insert, astuple(feedback))
            self._make_room(db, feedback.tenant)
            return known is None

        return await self._file.write(work)

    def _make_room(self, db: sqlite3.Connection, tenant: str) -> None:
        held = db.execute("SELECT count(*) FROM feedback WHERE tenant = ?", (tenant,)).fetchone()[0]
        _forget(db, tenant, held - self._max_kept_of_one)
        fullest = "SELECT tenant FROM feedback GROUP BY tenant ORDER BY count(*) DESC, tenant DESC LIMIT 1"
        while db.execute("SELECT count(*) FROM feedback").fetchone()[0] > self._max_kept:
            _forget(db, db.execute(fullest).fetchone()[0], 1)

    async def latest(self, limit: int, *, tenant: str | None = None, before_s: float = _LATEST) -> list[Feedback]:
        query = f"""SELECT {", ".join(_FEEDBACK)} FROM feedback
            WHERE at_s < ? AND (? IS NULL OR tenant = ?) ORDER BY at_s DESC, number DESC LIMIT ?"""  # noqa: S608
        rows = await self._file.scan(lambda db: db.execute(query, (before_s, tenant, tenant, limit)).fetchall())
        return [_feedback(dict(zip(_FEEDBACK, row, strict=True))) for row in rows]


def _forget(db: sqlite3.Connection, tenant: str, count: int) -> None:
    oldest = "SELECT number FROM feedback WHERE tenant = ? ORDER BY at_s, number LIMIT ?"
    db.execute(f"DELETE FROM feedback WHERE number IN ({oldest})", (tenant, max(0, count)))  # noqa: S608 - the above


def _feedback(row: dict[str, object]) -> Feedback:
    verdict = row["verdict"]
    words = {"about": About(str(row["about"])), "verdict": None if verdict is None else Verdict(str(verdict))}
    return Feedback(**{**row, **words})  # type: ignore[arg-type]
