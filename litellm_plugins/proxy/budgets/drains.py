"""Streams that their clients left, and that are read on until their provider says what they cost."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Protocol

_GIVEN_UP_WITHIN_S = 2.0


class Reading(Protocol):
    """A stream that is read by a task of its own."""

    def give_up(self) -> None:
        """Read no more of it: the host books what came."""


class Drains:
    """Those of one worker: at most `at_once`, each for `seconds` after its client left.

    A team has at most as many as it leaves free: alone up to half, beside one that has its half a quarter, and so on.
    So nobody can take the last place from those who have none.
    """

    def __init__(self, *, at_once: int, seconds: float) -> None:
        self._at_once, self._seconds = at_once, seconds
        self._running: dict[asyncio.Task[None], Reading] = {}
        self._of: Counter[str] = Counter()  # running, by team

    def take(self, stream: Reading, task: asyncio.Task[None], whose: str) -> bool:
        """See that `task` reads it on, within bounds. False: there are too many, or too many of its team's."""
        if self._of[whose] >= self._at_once - len(self._running):
            return False
        self._of[whose] += 1
        self._running[task] = stream
        timer = asyncio.get_running_loop().call_later(self._seconds, stream.give_up)

        def over(task: asyncio.Task[None]) -> None:
            timer.cancel()
            self._running.pop(task, None)
            self._of[whose] -= 1
            if not self._of[whose]:
                del self._of[whose]

        task.add_done_callback(over)
        return True

    async def aclose(self) -> None:
        """Give up all of them, and wait until the host has been told."""
        running = dict(self._running)
        for stream in running.values():
            stream.give_up()
        if running:
            await asyncio.wait(running, timeout=_GIVEN_UP_WITHIN_S)
