"""What is usual is read beside the requests, not in front of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import cast

from litellm_plugins.insight.history import EVERYTHING, History
from litellm_plugins.insight.store import UsageStore
from litellm_plugins.insight.usage import Dimension, Row, Sums


class Read(list[Row]):
    """Rows that know which threads went through them."""

    threads: set[int]

    def __iter__(self) -> Iterator[Row]:
        self.threads.add(threading.get_ident())
        return super().__iter__()


class Store:
    def __init__(self) -> None:
        self.threads: set[int] = set()

    async def rows(self, since: int, until: int, by: Sequence[Dimension]) -> list[Row]:
        found = Read(Row(hour, ("a", "miss", "success"), Sums(requests=1)) for hour in range(until - 2, until))
        found.threads = self.threads
        return found


async def test_weeks_of_hours_are_added_up_in_a_thread() -> None:
    """A first look at busy weeks held every request of the worker up for a second and a half."""
    store = Store()
    history = History(cast("UsageStore", store), days=15)
    await history.read(500_000)
    assert history.series[EVERYTHING][500_000].requests == 1
    assert set(history.series) == {
        EVERYTHING,
        *((name, "a") for name in ("feature", "team", "model_group", "key", "user")),
    }
    assert store.threads
    assert threading.get_ident() not in store.threads
