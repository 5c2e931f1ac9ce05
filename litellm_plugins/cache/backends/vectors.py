"""Nearest neighbours within one partition: an index per partition in memory, filled from the store as it grows.

The store is the truth. An index only accelerates it: it is rebuilt from nothing at any time, and what it finds is
looked up again, so that an entry which another process removed is never served.
"""

from __future__ import annotations

import itertools
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from litellm_plugins.cache.backends.flat_index import FlatIndex

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector

Place = tuple[str, bytes, str]  # tenant, partition, vector space: what one index is of

_MAX_PARTITIONS = 2_048  # about 60 KB each when tiny
_BATCH = 256  # rows taken in between two glances at the time: a millisecond
_CATCH_UP_S = 0.05  # a cold, large partition is filled over several look-ups instead of stalling one
_REVIEW_EVERY, _REVIEWED = 128, 512  # rows taken in until some older ones are reviewed, and how many of them


class Rows(Protocol):
    """What the store holds of one place now."""

    def after(self, last_id: int) -> Iterable[tuple[int, bytes]]:
        """Row ids above `last_id` and their float32 vectors as bytes, ascending by id."""

    def still_there(self, ids: Sequence[int]) -> set[int]:
        """Those of the row ids that the store has not dropped."""


class PartitionIndexes:
    """The indexes of the partitions used of late. Not thread-safe: one thread owns it."""

    def __init__(self, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._indexes: OrderedDict[Place, _Partition] = OrderedDict()

    def search(self, place: Place, vector: Vector, k: int, rows: Rows) -> list[tuple[int, float]]:
        """Up to `k` pairs (row id, cosine similarity), after taking in what is new among `rows`."""
        partition = self._indexes.get(place)
        if partition is None:
            partition = self._indexes[place] = _Partition(len(vector))
            if len(self._indexes) > _MAX_PARTITIONS:
                self._indexes.popitem(last=False)
        self._indexes.move_to_end(place)
        partition.take_in(rows, until=self._clock() + _CATCH_UP_S, clock=self._clock)
        return partition.index.search(vector, k)

    def forget(self, place: Place, row_id: int) -> None:
        """Drop one row that the store no longer has."""
        partition = self._indexes.get(place)
        if partition is not None:
            partition.index.remove([row_id])

    def clear(self) -> None:
        """Start over, as after the file under the store was replaced."""
        self._indexes.clear()


class _Partition:
    def __init__(self, dimensions: int) -> None:
        self.index = FlatIndex(dimensions)
        self._last_id = 0
        self._is_complete = False  # has once held all that the store had
        self._since_review = 0  # rows taken in
        self._reviewed_to = 0

    def take_in(self, rows: Rows, *, until: float, clock: Callable[[], float]) -> None:
        fresh = iter(rows.after(self._last_id))
        while batch := list(itertools.islice(fresh, _BATCH)):
            self._last_id = batch[-1][0]
            self._add([(row_id, blob) for row_id, blob in batch if len(blob) == 4 * self.index.dimensions])
            if clock() > until:
                return
        self._is_complete = True
        if self._since_review >= _REVIEW_EVERY:
            self._since_review = 0
            self._review(rows)

    def _review(self, rows: Rows) -> None:
        """Drop what lapsed, was evicted or replaced, and is near to nothing that is asked: else it stays for good."""
        ids = self.index.ids_above(self._reviewed_to, _REVIEWED)
        self._reviewed_to = ids[-1] if len(ids) == _REVIEWED else 0
        there = rows.still_there(ids)
        self.index.remove([row_id for row_id in ids if row_id not in there])

    def _add(self, batch: list[tuple[int, bytes]]) -> None:
        vectors = np.frombuffer(b"".join(blob for _, blob in batch), np.float32).reshape(-1, self.index.dimensions)
        self.index.add([row_id for row_id, _ in batch], vectors)
        self._since_review += len(batch) * self._is_complete
