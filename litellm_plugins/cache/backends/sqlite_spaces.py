"""Moving entries to another embedding space in the SQLite file.

An entry that is moved is written under a new row id, since "what came after id N" is all that the indexes in memory ask
(see `vectors.py`). So it counts among the newest where entries are listed.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from litellm_plugins.cache.backends.sqlite import COLUMNS, LIVE
from litellm_plugins.cache.spaces import Batch, Elsewhere
from litellm_plugins.storage.migrations import Migration

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector
    from litellm_plugins.storage.sqlite import SqliteFile

SCHEMA = (
    Migration(
        6,
        (
            """CREATE INDEX IF NOT EXISTS cache_entries_by_space ON cache_entries (space, id)
                WHERE question IS NOT NULL""",
            "CREATE TABLE IF NOT EXISTS cache_moving (one INTEGER PRIMARY KEY CHECK (one = 1), owner TEXT, until REAL)",
        ),
    ),
)

_COUNT_BESIDE = f"SELECT count(*) FROM cache_entries WHERE question IS NOT NULL AND space {{}} :space AND {LIVE}"  # noqa: S608 - constants only
# Two ranges of the index: nothing to look at where all lie in one space.
_COUNT = f"SELECT ({_COUNT_BESIDE.format('<')}) + ({_COUNT_BESIDE.format('>')})".replace("?", ":now")
_BATCH = f"""SELECT space, id, tenant, key, question FROM cache_entries
    WHERE question IS NOT NULL AND (space, id) > (?, ?) AND space <> ? AND {LIVE} ORDER BY space, id LIMIT ?"""  # noqa: S608
# The same row under the next id; where it was put anew in the meantime, no row has the old one.
_MOVE = f"""INSERT OR REPLACE INTO cache_entries (tenant, {COLUMNS}, used_at, space, vector)
    SELECT tenant, {COLUMNS}, used_at, ?, ? FROM cache_entries WHERE id = ? AND space <> ? AND {LIVE}"""  # noqa: S608
_CLAIM = """INSERT INTO cache_moving VALUES (1, ?, ?) ON CONFLICT (one)
    DO UPDATE SET owner = excluded.owner, until = excluded.until WHERE owner = excluded.owner OR until <= ?"""


class SqliteSpaces:
    """Keeps `SpaceStore`. The file belongs to the entries' store, which closes it."""

    def __init__(self, file: SqliteFile, *, clock: Callable[[], float] = time.time) -> None:
        self._file, self._clock = file, clock

    async def count_elsewhere(self, space: str) -> int:
        given = {"space": space, "now": self._clock()}
        return int(await self._file.scan(lambda db: db.execute(_COUNT, given).fetchone()[0]))

    async def elsewhere(self, space: str, *, after: str | None, limit: int) -> Batch:
        row_id, _, last_space = (after or "0:").partition(":")
        given = (last_space, int(row_id), space, self._clock(), limit)
        rows = await self._file.scan(lambda db: db.execute(_BATCH, given).fetchall())
        found = tuple(Elsewhere(tenant, key, question, version) for _, version, tenant, key, question in rows)
        return Batch(found, f"{rows[-1][1]}:{rows[-1][0]}" if len(rows) == limit else None)

    async def move(self, found: Elsewhere, *, vector: Vector | None, space: str) -> bool:
        blob = None if vector is None else vector.tobytes()
        given = (space, blob, found.version, space, self._clock())
        return await self._file.write(lambda db: _changes(db, _MOVE, given), atomic=False) > 0

    async def claim(self, owner: str, for_s: float) -> bool:
        now = self._clock()
        return await self._file.write(lambda db: _changes(db, _CLAIM, (owner, now + for_s, now)), atomic=False) > 0


def _changes(db: sqlite3.Connection, statement: str, given: tuple[object, ...]) -> int:
    return db.execute(statement, given).rowcount
