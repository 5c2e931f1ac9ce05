"""Stopping tasks that run until they are stopped."""

from __future__ import annotations

import asyncio
from typing import Any

_AGAIN_S = 1.0


async def stop(*tasks: asyncio.Task[Any]) -> None:
    """Cancel them, and wait until each has ended. Raises: what one of them failed with.

    A cancellation may be lost: up to Python 3.11 `asyncio.wait_for` returns a result that came at the same moment in
    its place (gh-86296), and redis-py sends by it. Then a loop would run on, and the worker would never end: so they
    are cancelled again until they have.
    """
    while running := {task for task in tasks if not task.done()}:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=_AGAIN_S)
    for task in tasks:
        if not task.cancelled() and (fault := task.exception()) is not None:
            raise fault
