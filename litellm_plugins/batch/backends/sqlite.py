"""Deferred requests in an SQLite file: the ledger's, which no clean-up of the cache touches."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from litellm_plugins.batch.queue import MOST_BYTES, Batch, Deferred, Put, Stage, Status, Waiting
from litellm_plugins.storage.migrations import Migration

if TYPE_CHECKING:
    from litellm_plugins.storage.sqlite import SqliteFile

SCHEMA = (
    Migration(
        19,
        (
            """CREATE TABLE IF NOT EXISTS deferred_requests (
                id TEXT PRIMARY KEY, tenant TEXT NOT NULL, model_group TEXT NOT NULL, body BLOB NOT NULL,
                about BLOB NOT NULL, created_s REAL NOT NULL, expires_s REAL NOT NULL, status TEXT NOT NULL,
                batch TEXT NOT NULL, ended_s REAL, reason TEXT NOT NULL, answer BLOB NOT NULL) WITHOUT ROWID""",
            """CREATE INDEX IF NOT EXISTS deferred_waiting ON deferred_requests (model_group, created_s)
                WHERE ended_s IS NULL AND batch = ''""",
            "CREATE INDEX IF NOT EXISTS deferred_open ON deferred_requests (batch) WHERE ended_s IS NULL",
            "CREATE INDEX IF NOT EXISTS deferred_ended ON deferred_requests (ended_s) WHERE ended_s IS NOT NULL",
            """CREATE TABLE IF NOT EXISTS deferred_batches (
                number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, model_group TEXT NOT NULL,
                touched_s REAL NOT NULL, stage TEXT NOT NULL, deployment TEXT NOT NULL, provider_id TEXT NOT NULL,
                tries INTEGER NOT NULL)""",
            """CREATE TABLE IF NOT EXISTS deferred_turn (
                one INTEGER PRIMARY KEY CHECK (one = 1), owner TEXT NOT NULL, until_s REAL NOT NULL)""",
        ),
    ),
    Migration(
        20,
        ("CREATE INDEX IF NOT EXISTS deferred_tenant ON deferred_requests (tenant) WHERE ended_s IS NULL",),
    ),
)
_FIELDS = "id, tenant, model_group, body, about, created_s, expires_s, status, batch, ended_s, reason, answer"
_STATUS = 7  # of these
_OPEN, _WAITS = "ended_s IS NULL", "ended_s IS NULL AND batch = ''"
_SELECT = f"SELECT {_FIELDS} FROM deferred_requests WHERE"  # noqa: S608 - constants
_BATCH_FIELDS = "id, model_group, touched_s, stage, deployment, provider_id, tries"


class SqliteQueue:
    """Keeps `Queue`, and closes the file."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def put(self, request: Deferred, *, most: int, most_of_tenant: int | None = None) -> Put:
        insert = f"INSERT INTO deferred_requests ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants

        def work(db: sqlite3.Connection) -> Put:
            if _has(db, _OPEN, most=most):
                return Put.FULL
            if most_of_tenant is not None and _has(db, f"{_OPEN} AND tenant = ?", request.tenant, most=most_of_tenant):
                return Put.TENANT_FULL
            db.execute(insert, _row(request))
            return Put.KEPT

        return await self._file.write(work)

    async def find(self, id_: str, *, tenant: str) -> Deferred | None:
        return await self._file.read(lambda db: _one(db, "id = ? AND tenant = ?", id_, tenant))

    async def cancel(self, id_: str, *, tenant: str, now_s: float) -> Deferred | None:
        query = f"UPDATE deferred_requests SET status = ?, ended_s = ? WHERE id = ? AND tenant = ? AND {_WAITS}"  # noqa: S608 - constants

        def work(db: sqlite3.Connection) -> Deferred | None:
            db.execute(query, (Status.CANCELLED, now_s, id_, tenant))
            return _one(db, "id = ? AND tenant = ?", id_, tenant)

        return await self._file.write(work)

    async def lease(self, owner: str, *, now_s: float, for_s: float) -> bool:
        query = """INSERT INTO deferred_turn (one, owner, until_s) VALUES (1, ?, ?)
            ON CONFLICT (one) DO UPDATE SET owner = excluded.owner, until_s = excluded.until_s
            WHERE owner = excluded.owner OR until_s <= ?"""
        values = (owner, now_s + for_s, now_s)
        return await self._file.write(lambda db: db.execute(query, values).rowcount > 0)

    async def release(self, owner: str) -> None:
        await self._file.write(lambda db: db.execute("DELETE FROM deferred_turn WHERE owner = ?", (owner,)))

    async def waiting(self) -> list[Waiting]:
        query = f"""SELECT model_group, count(*), min(created_s) FROM deferred_requests
            WHERE {_WAITS} GROUP BY model_group ORDER BY model_group"""  # noqa: S608 - constants
        return [Waiting(*row) for row in await self._file.read(lambda db: db.execute(query).fetchall())]

    async def claim(self, batch: Batch, *, most: int, most_bytes: int = MOST_BYTES) -> list[Deferred]:
        query = f"""SELECT id, length(body) FROM deferred_requests
            WHERE {_WAITS} AND model_group = ? ORDER BY created_s, id LIMIT ?"""  # noqa: S608 - constants

        def work(db: sqlite3.Connection) -> list[Deferred]:
            sizes = db.execute(query, (batch.model_group, most)).fetchall()
            sums = accumulate(size for _, size in sizes)
            found = [
                id_ for n, ((id_, _), held) in enumerate(zip(sizes, sums, strict=True)) if not n or held <= most_bytes
            ]
            if found:
                insert = f"INSERT INTO deferred_batches ({_BATCH_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
                db.execute(insert, _batch_row(batch))
                taken = [(batch.id, id_) for id_ in found]
                db.executemany("UPDATE deferred_requests SET batch = ? WHERE id = ?", taken)
            return _all(db, f"{_OPEN} AND batch = ? ORDER BY created_s, id", batch.id)

        return await self._file.write(work)

    async def batches(self) -> list[Batch]:
        query = f"SELECT {_BATCH_FIELDS} FROM deferred_batches ORDER BY number"  # noqa: S608 - constants
        rows = await self._file.read(lambda db: db.execute(query).fetchall())
        return [Batch(id_, group, at, Stage(stage), *rest) for id_, group, at, stage, *rest in rows]

    async def members(self, batch_id: str) -> list[Deferred]:
        where = f"{_OPEN} AND batch = ? ORDER BY created_s, id"
        return await self._file.read(lambda db: _all(db, where, batch_id))

    async def note(self, batch: Batch) -> None:
        update = """UPDATE deferred_batches SET model_group = ?, touched_s = ?, stage = ?, deployment = ?,
            provider_id = ?, tries = ? WHERE id = ?"""
        submitted = f"UPDATE deferred_requests SET status = ? WHERE batch = ? AND {_OPEN}"  # noqa: S608 - constants

        def work(db: sqlite3.Connection) -> None:
            id_, *rest = _batch_row(batch)
            db.execute(update, (*rest, id_))
            if batch.stage is Stage.SUBMITTED:
                db.execute(submitted, (Status.SUBMITTED, batch.id))

        await self._file.write(work)

    async def drop(self, batch_id: str) -> None:
        again = f"UPDATE deferred_requests SET batch = '', status = ? WHERE batch = ? AND {_OPEN}"  # noqa: S608 - constants

        def work(db: sqlite3.Connection) -> None:
            db.execute(again, (Status.QUEUED, batch_id))
            db.execute("DELETE FROM deferred_batches WHERE id = ?", (batch_id,))

        await self._file.write(work)

    async def finish(
        self, id_: str, status: Status, *, now_s: float, reason: str = "", answer: bytes = b""
    ) -> Deferred | None:
        query = f"""UPDATE deferred_requests SET status = ?, ended_s = ?, reason = ?, answer = ?
            WHERE id = ? AND {_OPEN}"""  # noqa: S608 - constants

        def work(db: sqlite3.Connection) -> Deferred | None:
            changed = db.execute(query, (status, now_s, reason, answer, id_)).rowcount > 0
            return _one(db, "id = ?", id_) if changed else None

        return await self._file.write(work)

    async def overdue(self, *, now_s: float, most: int) -> list[Deferred]:
        where = f"{_WAITS} AND expires_s <= ? ORDER BY created_s, id LIMIT ?"
        return await self._file.read(lambda db: _all(db, where, now_s, most))

    async def sweep(self, *, before_s: float) -> int:
        query = "DELETE FROM deferred_requests WHERE ended_s IS NOT NULL AND ended_s < ?"
        return await self._file.write(lambda db: db.execute(query, (before_s,)).rowcount)

    async def standing(self) -> dict[Status, int]:
        query = f"SELECT status, count(*) FROM deferred_requests WHERE {_OPEN} GROUP BY status"  # noqa: S608 - constants
        rows = dict(await self._file.read(lambda db: db.execute(query).fetchall()))
        return {status: rows.get(status, 0) for status in (Status.QUEUED, Status.SUBMITTED)}

    async def aclose(self) -> None:
        """Close the file."""
        await self._file.aclose()


def _has(db: sqlite3.Connection, where: str, *values: object, most: int) -> bool:
    """Whether there are so many; no more are counted."""
    count = f"SELECT count(*) FROM (SELECT 1 FROM deferred_requests WHERE {where} LIMIT ?)"  # noqa: S608 - constants
    return bool(db.execute(count, (*values, most)).fetchone()[0] >= most)


def _one(db: sqlite3.Connection, where: str, *values: object) -> Deferred | None:
    return next(iter(_all(db, where, *values)), None)


def _all(db: sqlite3.Connection, where: str, *values: object) -> list[Deferred]:
    rows: Iterable[tuple[object, ...]] = db.execute(f"{_SELECT} {where}", values)
    return [_deferred(row) for row in rows]


def _deferred(row: tuple[object, ...]) -> Deferred:
    fields: list[Any] = list(row)
    fields[_STATUS] = Status(fields[_STATUS])
    return Deferred(*fields)


def _row(request: Deferred) -> tuple[object, ...]:
    return (
        *(request.id, request.tenant, request.model_group, request.body, request.about),
        *(request.created_s, request.expires_s, request.status, request.batch, request.ended_s, request.reason),
        request.answer,
    )


def _batch_row(batch: Batch) -> tuple[object, ...]:
    return (
        *(batch.id, batch.model_group, batch.touched_s, batch.stage, batch.deployment, batch.provider_id),
        batch.tries,
    )
