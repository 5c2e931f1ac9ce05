"""Nearest neighbours within one partition: a usearch index per partition, filled from the store as it grows.

The store is the truth. An index only accelerates it: it is rebuilt from nothing at any time, and what it finds is
looked up again, so that an entry which another process removed is never served.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
from usearch.index import Index

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector

Place = tuple[str, bytes, str]  # tenant, partition, vector space: what one index is of
Rows = Iterable[tuple[int, bytes]]  # (row id, float32 vector as bytes), ascending by row id

_MAX_PARTITIONS = 2_048  # about 60 KB each when tiny
_EFFORT = 64  # half of usearch's default: 0.09 ms a vector instead of 0.18, and still every vector finds itself
_EXACT_BELOW = 2_000  # up to here a full scan is as fast as the graph, and misses nothing
_CATCH_UP_S = 0.05  # a cold, large partition is filled over several look-ups instead of stalling one


class PartitionIndexes:
    """The indexes of the partitions used of late. Not thread-safe: one thread owns it."""

    def __init__(self, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._indexes: OrderedDict[Place, _Partition] = OrderedDict()

    def search(
        self, place: Place, vector: Vector, k: int, rows_after: Callable[[int], Rows]
    ) -> list[tuple[int, float]]:
        """Up to `k` pairs (row id, cosine similarity), after taking in what `rows_after(last id)` yields."""
        index = self._indexes.get(place)
        if index is None:
            index = self._indexes[place] = _Partition(len(vector))
            if len(self._indexes) > _MAX_PARTITIONS:
                self._indexes.popitem(last=False)
        self._indexes.move_to_end(place)
        index.take_in(rows_after(index.last_id), until=self._clock() + _CATCH_UP_S, clock=self._clock)
        return index.search(vector, k)

    def forget(self, place: Place, row_id: int) -> None:
        """Drop one row that the store no longer has."""
        index = self._indexes.get(place)
        if index is not None:
            index.remove(row_id)

    def clear(self) -> None:
        """Start over, as after the file under the store was replaced."""
        self._indexes.clear()


class _Partition:
    def __init__(self, dimensions: int) -> None:
        self.last_id = 0
        self._dimensions = dimensions
        self._index = Index(ndim=dimensions, metric="cos", dtype="f32", expansion_add=_EFFORT)

    def take_in(self, rows: Rows, *, until: float, clock: Callable[[], float]) -> None:
        for row_id, blob in rows:
            vector = np.frombuffer(blob, dtype=np.float32)
            if vector.shape == (self._dimensions,):
                self._index.add(row_id, vector, threads=1)
            self.last_id = row_id
            if clock() > until:
                return

    def search(self, vector: Vector, k: int) -> list[tuple[int, float]]:
        if len(self._index) == 0:
            return []
        found = self._index.search(vector, k, exact=len(self._index) < _EXACT_BELOW, threads=1)
        return [(int(key), 1.0 - float(distance)) for key, distance in zip(found.keys, found.distances, strict=True)]

    def remove(self, row_id: int) -> None:
        if row_id in self._index:
            self._index.remove(row_id)
