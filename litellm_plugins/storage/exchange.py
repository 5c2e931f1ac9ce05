"""What the workers of one proxy tell each other through a store, every so often and beside the requests."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.tasks import stop

_FAILED_FACTOR = 10  # of the time between two exchanges, until a store that failed is asked again


class Feed(Protocol):
    """What all have told, in its order. Every method raises `StoreUnavailable` where the store cannot do it."""

    async def since(self, cursor: str, worker: str) -> tuple[list[bytes], str]:
        """What others have told since (of very much the newest), and the cursor to go on from; first is ''."""

    async def aclose(self) -> None:
        """Close what it holds open."""


class Exchange(ABC):
    """One for each worker. Where the store fails, the worker knows what it saw itself, as alone, and tries again."""

    def __init__(
        self, feed: Feed, *, failed: Callable[[str, str], None], every_s: float, last_s: float | None = None
    ) -> None:
        """`last_s`: of closing, for telling the rest; None: as long as the store takes."""
        self._feed, self._failed, self._every_s, self._last_s = feed, failed, every_s, last_s
        self._worker, self._cursor = uuid.uuid4().hex, ""
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    @abstractmethod
    async def _tell(self) -> None:
        """Tell what is new; what did not arrive is told the next time. Raises: StoreUnavailable."""

    @abstractmethod
    def _learn(self, told: bytes) -> None:
        """Know what another worker told; what is of another version is left out."""

    def start(self) -> None:
        """Once; the loop is there with the first request."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def sync(self) -> bool:
        """Tell what is new and learn; False where the store cannot."""
        async with self._lock:
            try:
                await self._tell()
                found, self._cursor = await self._feed.since(self._cursor, self._worker)
            except StoreUnavailable as exc:
                self._failed(exc.reason, type(exc).__name__)
                return False
            for told in found:
                self._learn(told)
            return True

    async def aclose(self) -> None:
        """Tell the last of it, and close the store."""
        if self._task is not None:
            await stop(self._task)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._last_s):
                    await self.sync()
        await self._feed.aclose()

    async def _run(self) -> None:
        while True:
            told = await self.sync()
            await asyncio.sleep(self._every_s if told else _FAILED_FACTOR * self._every_s)
