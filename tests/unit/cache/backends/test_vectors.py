"""The indexes over a store's vectors, with rows from a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from litellm_plugins.cache.backends import vectors
from litellm_plugins.cache.backends.vectors import PartitionIndexes
from tests.conformance.entries import HOME, SPACE, at, key_of

if TYPE_CHECKING:
    import pytest

PLACE = ("t", HOME, SPACE)


class Rows:
    """What a store would yield; notes what it was asked for."""

    def __init__(self, *degrees: float) -> None:
        self.rows = [(row_id, at(angle).tobytes()) for row_id, angle in enumerate(degrees, 1)]
        self.asked: list[int] = []

    def after(self, last_id: int) -> Iterable[tuple[int, bytes]]:
        self.asked.append(last_id)
        return (row for row in self.rows if row[0] > last_id)

    def still_there(self, ids: Sequence[int]) -> set[int]:
        return {row_id for row_id, _ in self.rows} & {*ids}


def ids(indexes: PartitionIndexes, rows: Rows, k: int = 8) -> list[int]:
    """The row ids nearest to angle 0."""
    return [row_id for row_id, _ in indexes.search(PLACE, at(0), k, rows)]


def test_only_what_is_new_is_read_from_the_store() -> None:
    """A hit must not cost a scan of the table."""
    indexes, rows = PartitionIndexes(), Rows(20, 10)
    assert ids(indexes, rows) == [2, 1]
    rows.rows.append((7, at(0).tobytes()))
    assert ids(indexes, rows) == [7, 2, 1]
    assert ids(indexes, rows) == [7, 2, 1]
    assert rows.asked == [0, 2, 7]


def test_a_forgotten_row_is_not_found_again_and_makes_room_for_the_next() -> None:
    """A deleted entry must not use up one of the k places."""
    indexes, rows = PartitionIndexes(), Rows(0, 10, 20)
    assert ids(indexes, rows, k=2) == [1, 2]
    indexes.forget(PLACE, 1)
    assert ids(indexes, rows, k=2) == [2, 3]
    for row_id in (2, 3):
        indexes.forget(PLACE, row_id)
    assert ids(indexes, rows) == []


def test_forgetting_what_is_not_there_does_no_harm() -> None:
    """The partition may have been dropped from memory in between."""
    indexes = PartitionIndexes()
    indexes.forget(PLACE, 1)
    ids(indexes, Rows(0))
    indexes.forget(PLACE, 99)
    assert ids(indexes, Rows(0)) == [1]


def test_after_a_clearing_everything_is_read_anew() -> None:
    """Another file lies under the store, whose row ids begin at 1 again."""
    indexes = PartitionIndexes()
    assert ids(indexes, Rows(0, 10)) == [1, 2]
    indexes.clear()
    assert ids(indexes, Rows(30)) == [1]


def test_a_large_cold_partition_is_filled_over_several_look_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for its share only: here every glance at the time costs 20 ms of the 50."""
    monkeypatch.setattr(vectors, "_BATCH", 1)
    now = 0.0

    def ticking() -> float:
        nonlocal now
        now += 0.02
        return now

    indexes, rows = PartitionIndexes(clock=ticking), Rows(*range(10))
    sizes = [len(ids(indexes, rows, k=20)) for _ in range(5)]
    assert sizes == [3, 6, 9, 10, 10]


def test_a_vector_of_another_length_is_passed_over() -> None:
    """A store filled by a changed model of the same name: the rest still serves."""
    indexes, rows = PartitionIndexes(), Rows(0, 10)
    rows.rows.insert(1, (1, b"\0" * 4))
    rows.rows[0] = (1, np.ones(7, np.float32).tobytes())
    assert ids(indexes, rows) == [2]


def test_the_partition_used_longest_ago_is_let_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many system prompts there are, memory is bounded; what is let go comes back from the store."""
    monkeypatch.setattr(vectors, "_MAX_PARTITIONS", 2)
    indexes, rows = PartitionIndexes(), Rows(0)
    a, b, c = (key_of(name) for name in "abc")
    for partition in (a, b, a, c, a, b):
        assert len(indexes.search(("t", partition, SPACE), at(0), 8, rows)) == 1
    assert rows.asked == [0, 0, 1, 0, 1, 0]


def test_what_the_store_dropped_leaves_memory_even_where_nobody_asks_for_it() -> None:
    """Else every answer that ever lapsed would stay in the index of a partition that lives on."""
    indexes, rows = PartitionIndexes(), Rows(*[180.0] * 1_000)
    assert len(ids(indexes, rows, k=5_000)) == 1_000
    rows.rows = [(row_id, at(0).tobytes()) for row_id in range(1_001, 2_001)]
    ids(indexes, rows)
    for row_id in range(2_001, 3_001, 200):
        rows.rows += [(number, at(0).tobytes()) for number in range(row_id, row_id + 200)]
        ids(indexes, rows)
    assert sorted(ids(indexes, rows, k=5_000)) == list(range(1_001, 3_001))
