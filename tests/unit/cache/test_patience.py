"""A look-up's time: what counts of it."""

from __future__ import annotations

import asyncio
import time

import pytest

from litellm_plugins.cache.patience import patience


async def test_what_takes_too_long_is_given_up() -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with patience(0.05):
            await asyncio.Event().wait()
    assert time.monotonic() - began >= 0.05


async def test_what_is_there_after_the_loop_stood_still_is_read() -> None:
    """As in a burst of requests. By the clock its time would be over; no later event can end the wait sooner."""
    loop = asyncio.get_running_loop()

    async def waited_for() -> str:
        answer: asyncio.Future[str] = loop.create_future()
        loop.call_later(0.001, answer.set_result, "there")
        loop.call_soon(time.sleep, 0.2)
        return await answer

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await waited_for()
    async with patience(0.1):
        assert await waited_for() == "there"


async def test_many_short_stops_do_not_add_up_to_the_limit() -> None:
    """What keeps the loop busy between the steps of a look-up is not the look-up's."""

    async def look_up() -> int:
        for _ in range(4):  # the exact layer, the neighbours, their entry, …
            await asyncio.sleep(0)
            time.sleep(0.06)  # noqa: ASYNC251 - that is the point: others at work in the loop
        return 4

    async with patience(0.2):
        assert await look_up() == 4


async def test_it_leaves_nothing_running_and_hands_errors_on() -> None:
    with pytest.raises(ValueError, match="own"):
        async with patience(0.01):
            raise ValueError("own")
    await asyncio.sleep(0.03)  # nobody is cancelled afterwards


async def test_who_is_cancelled_is_cancelled() -> None:
    async def wait() -> None:
        async with patience(10):
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
