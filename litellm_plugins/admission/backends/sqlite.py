"""Flights in the SQLite file: for the workers of one machine."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from litellm_plugins.admission.flights import Ending, Standing
from litellm_plugins.storage.migrations import Migration

if TYPE_CHECKING:
    from litellm_plugins.storage.sqlite import SqliteFile

SCHEMA = (
    Migration(
        10,
        (
            """CREATE TABLE IF NOT EXISTS flights (
                key BLOB PRIMARY KEY, owner TEXT NOT NULL, ending TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID""",
            "CREATE INDEX IF NOT EXISTS flights_by_end ON flights (until)",
        ),
    ),
)
_LOOK = "SELECT owner, ending FROM flights WHERE key = ? AND until > ?"
_PUT = "INSERT OR REPLACE INTO flights VALUES (?, ?, ?, ?)"
# Not where another's is under way, or was since.
_PUT_OWN = """INSERT INTO flights VALUES (:key, :owner, :ending, :until) ON CONFLICT (key)
    DO UPDATE SET owner = excluded.owner, ending = excluded.ending, until = excluded.until
    WHERE (owner = excluded.owner AND ending = '') OR flights.until <= :now"""
_UNDER_WAY = ""


class SqliteFlights:
    """Keeps `FlightStore`. The file belongs to the entries' store, which closes it."""

    def __init__(self, file: SqliteFile, *, clock: Callable[[], float] = time.time) -> None:
        self._file, self._clock = file, clock

    async def lead(self, key: bytes, owner: str, *, lease_s: float, past: str = "") -> Standing:
        now = self._clock()

        def begin(db: sqlite3.Connection) -> Standing:
            held = _standing(db, key, now)
            if held is not None and _stands_in_the_way(held, past):
                return held
            db.execute(_PUT, (key, owner, _UNDER_WAY, now + lease_s))
            return Standing(owner)

        return await self._file.write(begin)

    async def renew(self, key: bytes, owner: str, *, lease_s: float) -> bool:
        return await self._put_own(key, owner, _UNDER_WAY, lease_s) > 0

    async def end(self, key: bytes, owner: str, ending: Ending, *, keep_s: float) -> None:
        await self._put_own(key, owner, ending, keep_s)

    async def look(self, key: bytes) -> Standing | None:
        now = self._clock()
        return await self._file.read(lambda db: _standing(db, key, now))

    async def _put_own(self, key: bytes, owner: str, ending: str, for_s: float) -> int:
        now = self._clock()
        given = {"key": key, "owner": owner, "ending": str(ending), "until": now + for_s, "now": now}

        def put(db: sqlite3.Connection) -> int:
            changed = db.execute(_PUT_OWN, given).rowcount
            db.execute("DELETE FROM flights WHERE until <= ?", (now,))
            return changed

        return await self._file.write(put)


def _standing(db: sqlite3.Connection, key: bytes, now: float) -> Standing | None:
    row: tuple[str, str] | None = db.execute(_LOOK, (key, now)).fetchone()
    return None if row is None else Standing(row[0], Ending(row[1]) if row[1] else None)


def _stands_in_the_way(held: Standing, past: str) -> bool:
    return held.ending is None or (held.ending is Ending.STORED and held.owner != past)
