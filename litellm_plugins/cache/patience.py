"""How long a look-up is waited for: by the time in which something could have come of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_TICKS = 10


@asynccontextmanager
async def patience(limit_s: float) -> AsyncIterator[None]:
    """As `asyncio.timeout`, but while the event loop stands still no more than a tenth of the limit passes.

    A burst of requests keeps the loop busy for longer than a store may take. By the clock the time of all of them
    would be over at once, though their answers are there and only wait to be read: a hundred identical requests would
    be a hundred calls, and a server that answered at once would be taken for one that hangs.

    Raises: TimeoutError.
    """
    loop, left = asyncio.get_running_loop(), _TICKS
    ticking: asyncio.TimerHandle

    def tick() -> None:
        nonlocal left, ticking
        left -= 1
        if left:
            ticking = loop.call_later(limit_s / _TICKS, tick)
        else:
            over.reschedule(loop.time())

    async with asyncio.timeout(None) as over:
        ticking = loop.call_later(limit_s / _TICKS, tick)
        try:
            yield
        finally:
            ticking.cancel()
