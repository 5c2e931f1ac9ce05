"""Tasks that run until they are stopped do end, also where a cancellation is lost."""

from __future__ import annotations

import asyncio

import pytest

from litellm_plugins.tasks import stop

pytestmark = pytest.mark.timeout(30)


async def test_they_end() -> None:
    tasks = [asyncio.create_task(asyncio.sleep(3_600)) for _ in range(3)]
    await asyncio.sleep(0)
    await stop(*tasks)
    assert all(task.cancelled() for task in tasks)
    await stop(*tasks)
    await stop()


async def test_one_that_misses_a_cancellation_is_cancelled_again() -> None:
    missed = 0

    async def for_ever() -> None:
        nonlocal missed
        while True:
            try:
                await asyncio.sleep(3_600)
            except asyncio.CancelledError:
                if missed:
                    raise
                missed += 1

    task = asyncio.create_task(for_ever())
    await asyncio.sleep(0)
    await stop(task)
    assert task.cancelled()
    assert missed == 1


@pytest.mark.parametrize("turns", range(6))
async def test_it_does_not_matter_what_comes_at_the_same_moment(turns: int) -> None:
    """On Python 3.11 `wait_for` loses the cancellation for one of these."""
    came = asyncio.Event()

    async def for_ever() -> None:
        while True:
            await asyncio.wait_for(came.wait(), 3_600)
            came.clear()

    task = asyncio.create_task(for_ever())
    for _ in range(10):
        await asyncio.sleep(0)
    came.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    await stop(task)
    assert task.cancelled()


async def test_what_it_failed_with_is_raised() -> None:
    async def failing() -> None:
        raise ValueError("a fault of ours")

    task = asyncio.create_task(failing())
    await asyncio.sleep(0)
    with pytest.raises(ValueError, match="a fault of ours"):
        await stop(task)


async def test_who_waits_for_it_may_be_cancelled() -> None:
    async def deaf() -> None:
        while True:
            try:
                await asyncio.sleep(3_600)
            except asyncio.CancelledError:
                if over:
                    raise

    over = False
    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    stopping = asyncio.create_task(stop(task))
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    over = True
    await stop(task)
    assert task.cancelled()
