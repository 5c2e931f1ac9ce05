"""The embedded store: entries in the one SQLite file, shared by every worker process on the machine."""

from __future__ import annotations

import math
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from litellm_plugins.cache.backends.sqlite_nearest import Searcher
from litellm_plugins.cache.backends.sqlite_schema import SCHEMA
from litellm_plugins.cache.backends.sqlite_selection import folded, where
from litellm_plugins.cache.store import Entry, Neighbour, Selector, StoreStats

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector
    from litellm_plugins.storage.sqlite import SqliteFile

__all__ = ["COLUMNS", "LIVE", "SCHEMA", "SqliteCacheStore"]

COLUMNS = """key, partition, question, body, model, provider, cost_nano_usd, prompt_tokens, completion_tokens,
    created_at, expires_at, answer_id, origin, model_group, namespace, tags, volatility, pinned"""
LIVE = "(pinned OR expires_at > ?)"
_SELECT = f"SELECT {COLUMNS}, used_at FROM cache_entries WHERE tenant = ? AND key = ? AND {LIVE}"  # noqa: S608 - constants only
_INSERT = (
    f"INSERT OR REPLACE INTO cache_entries (tenant, {COLUMNS}, used_at, space, vector) VALUES ({','.join('?' * 22)})"  # noqa: S608
)
_SWEEP = "DELETE FROM cache_entries WHERE expires_at <= ? AND NOT pinned"
_TOUCH = "UPDATE cache_entries SET used_at = ? WHERE tenant = ? AND key = ?"
_TOUCH_EVERY_S = 60.0  # how stale `used_at` may be: one write a minute per busy entry, not one per hit
_EXTEND = f"UPDATE cache_entries SET expires_at = ? WHERE tenant = ? AND key = ? AND expires_at < ? AND {LIVE}"  # noqa: S608
_REMOVE_BATCH = 500  # entries per transaction: a large removal must not keep other writers waiting
_STATS = f"""SELECT tenant, namespace, model_group, volatility, count(*),
    sum(length(body) + coalesce(length(question), 0) + coalesce(length(vector), 0)), sum(pinned),
    min(created_at), max(created_at) FROM cache_entries WHERE {LIVE} GROUP BY 1, 2, 3, 4"""  # noqa: S608
_EVICT_SHARE = 0.05
_SWEEP_EVERY = 256  # stored entries
_MEASURE_EVERY = 0.005  # of the size bound: how much may be stored before it is looked at again
_ROW_OVERHEAD = 512  # bytes of a row beside its large columns, index entries included
_LIVE_BYTES = """SELECT (page_count - freelist_count) * page_size
    FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()"""


class SqliteCacheStore:
    """Keeps `CacheStore`. Bounded by `max_bytes` of live pages: expired entries go first, then the longest unused."""

    def __init__(self, file: SqliteFile, *, max_bytes: int, clock: Callable[[], float] = time.time) -> None:
        self._file, self._max_bytes, self._clock = file, max_bytes, clock
        self._searcher = Searcher()  # owned by the file's reading thread
        self._unmeasured = math.inf  # bytes stored since the size was last looked at; owned by the writing thread

    async def get(self, tenant: str, key: bytes) -> Entry | None:
        now = self._clock()
        found = await self._file.read(lambda db: _fetch(db, tenant, key, now))
        if found is None:
            return None
        entry, used_at = found
        if now - used_at > _TOUCH_EVERY_S:
            # Not awaited: a busy writer must not make a miss of a hit; at worst the order of eviction suffers.
            self._file.write_later(lambda db: db.execute(_TOUCH, (now, tenant, key)))
        return entry

    async def nearest(self, tenant: str, partition: bytes, vector: Vector, *, space: str, k: int) -> list[Neighbour]:
        now = self._clock()
        place = (tenant, partition, space)
        return await self._file.read(lambda db: self._searcher.nearest(db, place, vector, k, now))

    async def put(self, tenant: str, entry: Entry, *, vector: Vector | None, space: str) -> None:
        now = self._clock()
        blob = None if vector is None else vector.tobytes()
        await self._file.write(lambda db: self._insert(db, tenant, entry, blob, space, now), atomic=False)

    async def extend(self, tenant: str, key: bytes, expires_at: float) -> None:
        now = self._clock()
        self._file.write_later(lambda db: db.execute(_EXTEND, (expires_at, tenant, key, expires_at, now)))

    async def find(self, selector: Selector, *, limit: int) -> list[tuple[str, Entry]]:
        query = f"SELECT tenant, {COLUMNS} FROM cache_entries WHERE {{}} AND {LIVE} ORDER BY id DESC LIMIT ?"  # noqa: S608
        rows = await self._select(query, selector, self._clock(), limit)
        return [(row[0], _entry(row[1:])) for row in rows]

    async def count(self, selector: Selector) -> int:
        ((found,),) = await self._select(
            f"SELECT count(*) FROM cache_entries WHERE {{}} AND {LIVE}",  # noqa: S608 - constants only
            selector,
            self._clock(),
        )
        return int(found)

    async def remove(self, selector: Selector) -> int:
        removed, missing = 0, True
        while missing:  # what was moved to another space since it was selected has another id: look again
            rows = await self._select(f"SELECT {LIVE}, id FROM cache_entries WHERE {{}}", selector, first=self._clock())  # noqa: S608
            missing = False
            for start in range(0, len(rows), _REMOVE_BATCH):
                batch = rows[start : start + _REMOVE_BATCH]
                lapsed, lived = await self._file.write(partial(_delete, batch=batch))
                removed += lived
                missing |= lapsed + lived < len(batch)
        return removed

    async def stats(self) -> StoreStats:
        rows = await self._file.scan(lambda db: db.execute(_STATS, (self._clock(),)).fetchall())
        return _summed(rows)

    async def aclose(self) -> None:
        await self._file.aclose()

    async def _select(
        self, query: str, selector: Selector, *last: object, first: float | None = None
    ) -> list[tuple[Any, ...]]:
        """The rows of `query`, which leaves its condition open."""
        condition, values = where(selector)
        given = [*([] if first is None else [first]), *values, *last]

        def select(db: sqlite3.Connection) -> list[tuple[Any, ...]]:
            if selector.text is not None:  # SQLite's own lower() knows ASCII only
                db.create_function("folded", 1, folded, deterministic=True)
            return db.execute(query.format(condition), given).fetchall()

        quick = selector.cache_id is not None or selector.tag is not None
        return await (self._file.read(select) if quick else self._file.scan(select))

    def _insert(
        self, db: sqlite3.Connection, tenant: str, entry: Entry, vector: bytes | None, space: str, now: float
    ) -> None:
        # Few statements: each lets go of the interpreter lock, and taking it back from the event loop costs more
        # than the statement.
        row = (tenant, *_values(entry), now, space if vector is not None else None, vector)
        row_id = db.execute(_INSERT, row).lastrowid or 0
        if row_id % _SWEEP_EVERY == 0:  # prompts must not lie there long after they lapsed
            db.execute(_SWEEP, (now,))
        self._unmeasured += len(entry.body) + len(entry.question or "") + len(vector or b"") + _ROW_OVERHEAD
        if self._unmeasured > self._max_bytes * _MEASURE_EVERY:
            self._unmeasured = 0
            if _live_bytes(db) > self._max_bytes:
                self._make_room(db, now)

    def _make_room(self, db: sqlite3.Connection, now: float) -> None:
        db.execute(_SWEEP, (now,))
        while _live_bytes(db) > self._max_bytes:
            (count,) = db.execute("SELECT count(*) FROM cache_entries WHERE NOT pinned").fetchone()
            if count == 0:
                return
            db.execute(
                """DELETE FROM cache_entries WHERE id IN (SELECT id FROM cache_entries WHERE NOT pinned
                    ORDER BY used_at, id LIMIT ?)""",
                (max(1, int(count * _EVICT_SHARE)),),
            )


def _fetch(db: sqlite3.Connection, tenant: str, key: bytes, now: float) -> tuple[Entry, float] | None:
    row = db.execute(_SELECT, (tenant, key, now)).fetchone()
    return None if row is None else (_entry(row[:-1]), row[-1])


def _entry(row: Sequence[Any]) -> Entry:
    *plain, tags, volatility, pinned = row
    plain += [tuple(orjson.loads(tags)), volatility, bool(pinned)]
    return Entry(*plain)


def _values(entry: Entry) -> Sequence[object]:
    return (
        entry.key,
        entry.partition,
        entry.question,
        entry.body,
        entry.model,
        entry.provider,
        entry.cost_nano_usd,
        entry.prompt_tokens,
        entry.completion_tokens,
        entry.created_at,
        entry.expires_at,
        entry.answer_id,
        entry.origin,
        entry.model_group,
        entry.namespace,
        orjson.dumps(entry.tags).decode(),
        entry.volatility,
        entry.pinned,
    )


def _delete(db: sqlite3.Connection, batch: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Delete the rows with these ids; how many of the lapsed and the live ones were still there.

    Ids are never used twice.
    """
    removed = []
    for live in (0, 1):
        ids = [row_id for was_live, row_id in batch if was_live == live]
        marks = ",".join("?" * len(ids))
        removed.append(db.execute(f"DELETE FROM cache_entries WHERE id IN ({marks})", ids).rowcount)  # noqa: S608
    return removed[0], removed[1]


def _summed(rows: Sequence[Sequence[Any]]) -> StoreStats:
    by: dict[str, Counter[str]] = {name: Counter() for name in ("tenant", "namespace", "model_group", "volatility")}
    for row in rows:
        for name, value in zip(by, row[:4], strict=True):
            by[name][value] += row[4]
    return StoreStats(
        entries=sum(row[4] for row in rows),
        bytes=sum(row[5] for row in rows),
        pinned=sum(row[6] for row in rows),
        oldest=min((row[7] for row in rows), default=None),
        newest=max((row[8] for row in rows), default=None),
        by={name: dict(counted) for name, counted in by.items()},
    )


def _live_bytes(db: sqlite3.Connection) -> int:
    return int(db.execute(_LIVE_BYTES).fetchone()[0])
