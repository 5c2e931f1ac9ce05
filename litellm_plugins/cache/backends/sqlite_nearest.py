"""Neighbours in the embedded store: found in memory, and looked up in the file before anybody hears of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from litellm_plugins.cache.backends.vectors import PartitionIndexes, Place
from litellm_plugins.cache.store import Neighbour

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector

_AFTER = """SELECT id, vector FROM cache_entries
    WHERE tenant = ? AND partition = ? AND space = ? AND id > ? AND vector IS NOT NULL ORDER BY id"""
_THERE = "SELECT id FROM cache_entries WHERE id IN (SELECT value FROM json_each(?))"
# One statement for all of them: each lets go of the interpreter lock and has to get it back.
_LIVE = """SELECT entry.id, entry.key, question, answer_id, origin, created_at
    FROM json_each(?) AS wanted CROSS JOIN cache_entries AS entry ON entry.id = wanted.value
    WHERE tenant = ? AND partition = ? AND (pinned OR expires_at > ?)"""


class Searcher:
    """Owned by the file's reading thread, like the indexes in it."""

    def __init__(self) -> None:
        self._indexes = PartitionIndexes()
        self._indexed: sqlite3.Connection | None = None

    def nearest(self, db: sqlite3.Connection, place: Place, vector: Vector, k: int, now: float) -> list[Neighbour]:
        """Up to `k` live entries, nearest first."""
        if db is not self._indexed:  # another file may lie under the new connection: its row ids begin anew
            self._indexes.clear()
            self._indexed = db
        wanted, rows = k, _Rows(db, place)
        while True:  # lapsed and evicted rows hide live ones behind them: forget them, and look further
            found = self._indexes.search(place, vector, wanted, rows)
            live = _live(db, place, dict(found), now)
            for row_id, _ in found:
                if row_id not in live:
                    self._indexes.forget(place, row_id)
            if len(live) >= k or len(found) < wanted:
                return [live[row_id] for row_id, _ in found if row_id in live][:k]
            wanted *= 2


@dataclass(frozen=True, slots=True)
class _Rows:
    """What lies in one place, for its index."""

    db: sqlite3.Connection
    place: Place

    def after(self, last_id: int) -> Iterator[tuple[int, bytes]]:
        return self.db.execute(_AFTER, (*self.place, last_id))

    def still_there(self, ids: Sequence[int]) -> set[int]:
        return {row_id for (row_id,) in self.db.execute(_THERE, (orjson.dumps(ids).decode(),))}


def _live(db: sqlite3.Connection, place: Place, similarities: Mapping[int, float], now: float) -> dict[int, Neighbour]:
    """Those of the rows that may be served, by their ids."""
    tenant, partition, _ = place
    rows = db.execute(_LIVE, (orjson.dumps([*similarities]).decode(), tenant, partition, now))
    return {
        row_id: Neighbour(key, question, similarities[row_id], answer_id, origin, created_at)
        for row_id, key, question, answer_id, origin, created_at in rows
    }
