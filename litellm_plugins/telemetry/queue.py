"""What a slow sink stands behind: a queue that never blocks, never grows past its bound, and counts what it drops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from litellm_plugins.tasks import stop
from litellm_plugins.telemetry.events import QueueMeasured

if TYPE_CHECKING:
    from litellm_plugins.telemetry.events import Event

_LOG = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a queue holds, and how it is emptied."""

    items: int = 10_000
    batch: int = 500
    every_s: float = 1.0
    tries: int = 3  # to hand one batch over; then it is dropped


class BoundedQueue(Generic[T]):
    """`put` from any thread; one background task hands batches to `flush`, in the order in which they came.

    A `flush` that raises is tried again with the same batch, so it must be atomic, or idempotent. What is dropped is
    counted by its reason (`full`, `failed`, `closed`, and what `flush` itself says by `drop`) and told with the depth,
    as `QueueMeasured`, after each round.
    """

    def __init__(
        self,
        name: str,
        flush: Callable[[Sequence[T]], Awaitable[None]],
        *,
        bounds: Bounds | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self._flush, self._bounds, self._clock = name, flush, bounds or Bounds(), clock
        self._items: deque[T] = deque()
        self._batch: list[T] = []  # in hand: not yet known to have arrived
        self._tries = 0
        self._dropped: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._tell: Callable[[Event], None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def depth(self) -> int:
        """What has come in and not yet arrived."""
        return len(self._items) + len(self._batch)

    @property
    def dropped(self) -> Mapping[str, int]:
        """By reason, since the beginning."""
        return dict(self._dropped)

    def put(self, item: T) -> bool:
        """Whether it is taken; if not, it is counted as dropped. Never waits."""
        if self._is_closed or self.depth >= self._bounds.items:
            self._dropped["closed" if self._is_closed else "full"] += 1
            return False
        self._items.append(item)
        return True

    def drop(self, reason: str) -> None:
        """Count one that its `flush` could never hand over, and so left out."""
        self._dropped[reason] += 1

    def start(self, tell: Callable[[Event], None] | None = None) -> None:
        """Begin to empty it, once. Raises: RuntimeError where no loop runs."""
        self._tell = tell or self._tell
        if self._task is None and not self._is_closed:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def flush(self) -> bool:
        """Hand over one batch, if there is any; whether none is left over from it."""
        if not self._batch:
            self._batch = [self._items.popleft() for _ in range(min(len(self._items), self._bounds.batch))]
        if not self._batch:
            return True
        try:
            await self._flush(tuple(self._batch))
        except Exception as exc:  # noqa: BLE001 - whatever it is that breaks, requests go on
            self._tries += 1
            _LOG.debug("%s: could not hand over %d items: %r", self.name, len(self._batch), exc)
            if self._tries < self._bounds.tries:
                return False
            self._dropped["failed"] += len(self._batch)
        self._batch, self._tries = [], 0
        return True

    async def drain(self, within_s: float = 3.0) -> None:
        """Take nothing more, hand over all that there is, and count as dropped what could not be in that time."""
        self._is_closed = True
        if self._task is not None:
            await stop(self._task)
            self._task = None
        until = self._clock() + within_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self.depth and self._clock() < until:
                    await self.flush()
        if self.depth:
            self._dropped["closed"] += self.depth
            self._items.clear()
            self._batch = []
        self.tell()

    def tell(self) -> None:
        """Announce the depth, and what was dropped since that was told last."""
        if self._tell is None:
            return
        now = Counter(self._dropped)
        lost = now - self._told
        self._told = now
        self._tell(QueueMeasured(self.name, self.depth, dict(lost)))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._bounds.every_s)
            while len(self._items) + len(self._batch) and await self.flush():
                pass
            self.tell()
