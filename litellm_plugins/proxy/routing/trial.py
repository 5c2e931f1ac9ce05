"""An answer of which is still to be judged whether it is the one that its client gets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from enum import StrEnum
from typing import Any

_LOG = logging.getLogger(__name__)
_tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps weak references only


class Outcome(StrEnum):
    """What became of it."""

    SERVED = "served"
    DOUBTED = "doubted"  # served for want of a better one, and so not to be kept
    DROPPED = "dropped"


Work = Callable[[Outcome], Coroutine[Any, Any, None]]


class Trial:
    """Rides on its call's ticket. What the host says of the call waits until its outcome is known."""

    __slots__ = ("_waiting", "outcome")

    def __init__(self) -> None:
        self.outcome: Outcome | None = None
        self._waiting: list[Work] = []

    def decide(self, outcome: Outcome) -> None:
        """Once: the first word stands."""
        if self.outcome is None:
            self.outcome = outcome
            waiting, self._waiting = self._waiting, []
            for work in waiting:
                self._begin(work, outcome)

    def when_known(self, work: Work) -> None:
        """Have it done, now or later, beside whatever else goes on."""
        if self.outcome is None:
            self._waiting.append(work)
        else:
            self._begin(work, self.outcome)

    def _begin(self, work: Work, outcome: Outcome) -> None:
        task = asyncio.get_running_loop().create_task(work(outcome))
        _tasks.add(task)
        task.add_done_callback(_done)


def _done(task: asyncio.Task[None]) -> None:
    _tasks.discard(task)
    if not task.cancelled() and task.exception() is not None:
        _LOG.warning("what was left of a call that was tried first failed", exc_info=task.exception())
