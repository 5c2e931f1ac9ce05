import asyncio
from collections.abc import Sequence

from litellm_plugins.telemetry.events import Event, QueueMeasured
from litellm_plugins.telemetry.queue import BoundedQueue, Bounds


class Store:
    def __init__(self, *, faults: int = 0) -> None:
        self.kept: list[int] = []
        self.batches: list[int] = []
        self._faults = faults

    async def flush(self, items: Sequence[int]) -> None:
        if self._faults:
            self._faults -= 1
            raise OSError("no")
        self.kept += items
        self.batches.append(len(items))


async def test_what_is_put_arrives_in_order_and_in_batches() -> None:
    store, told = Store(), list[Event]()
    queue = BoundedQueue("usage", store.flush, bounds=Bounds(batch=3, every_s=0.01))
    queue.start(told.append)
    assert all(queue.put(i) for i in range(8))
    async with asyncio.timeout(5):
        while queue.depth:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await queue.drain()
    assert store.kept == list(range(8))
    assert store.batches == [3, 3, 2]
    assert told[-1] == QueueMeasured("usage", 0, {})


async def test_a_full_queue_takes_no_more_and_counts_it() -> None:
    queue, told = BoundedQueue("usage", Store().flush, bounds=Bounds(items=2, every_s=60)), list[Event]()
    assert [queue.put(i) for i in range(5)] == [True, True, False, False, False]
    queue.start(told.append)
    queue.tell()
    queue.tell()
    assert told == [QueueMeasured("usage", 2, {"full": 3}), QueueMeasured("usage", 2, {})]
    assert queue.dropped == {"full": 3}
    await queue.drain()


async def test_a_batch_that_fails_is_tried_again_before_those_after_it() -> None:
    store = Store(faults=2)
    queue = BoundedQueue("usage", store.flush, bounds=Bounds(batch=2, tries=3))
    for i in range(4):
        queue.put(i)
    assert [await queue.flush() for _ in range(4)] == [False, False, True, True]
    assert store.kept == [0, 1, 2, 3]
    assert queue.dropped == {}


async def test_a_batch_that_always_fails_is_dropped_and_counted() -> None:
    store = Store(faults=3)
    queue = BoundedQueue("usage", store.flush, bounds=Bounds(batch=2, tries=3))
    for i in range(3):
        queue.put(i)
    assert [await queue.flush() for _ in range(4)] == [False, False, True, True]
    assert store.kept == [2]
    assert queue.dropped == {"failed": 2}


async def test_shutdown_hands_over_what_is_there_and_takes_nothing_more() -> None:
    store = Store()
    queue = BoundedQueue("usage", store.flush, bounds=Bounds(batch=2, every_s=60))
    queue.start()
    for i in range(5):
        queue.put(i)
    await queue.drain()
    assert store.kept == [0, 1, 2, 3, 4]
    assert not queue.put(5)
    assert queue.dropped == {"closed": 1}


async def test_shutdown_does_not_wait_for_a_store_that_hangs() -> None:
    async def hang(_: Sequence[int]) -> None:
        await asyncio.sleep(60)

    told: list[Event] = []
    queue = BoundedQueue("usage", hang, bounds=Bounds(every_s=60))
    queue.start(told.append)
    queue.put(1)
    async with asyncio.timeout(5):
        await queue.drain(within_s=0.05)
    assert queue.dropped == {"closed": 1}
    assert told == [QueueMeasured("usage", 0, {"closed": 1})]


async def test_a_batch_in_hand_at_shutdown_is_not_lost() -> None:
    begun, kept = asyncio.Event(), list[int]()

    async def slow_once(items: Sequence[int]) -> None:
        if not begun.is_set():
            begun.set()
            await asyncio.sleep(60)
        kept.extend(items)

    queue = BoundedQueue("usage", slow_once, bounds=Bounds(every_s=0.001))
    queue.start()
    queue.put(1)
    async with asyncio.timeout(5):
        await begun.wait()
    await queue.drain()
    assert kept == [1]
