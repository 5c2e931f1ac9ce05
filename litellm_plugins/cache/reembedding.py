"""After a change of the embedder: the questions that another one has read are read again, in the background.

One worker does it, embedding a share of the time only, so that requests hardly feel it. What cannot be done now is
tried again later; which entries lie in another space is in the store, so nothing is lost by a stop midway.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

from litellm_plugins.embedding.embedder import EmbedderUnavailable
from litellm_plugins.errors import PluginError, StoreUnavailable
from litellm_plugins.tasks import stop

if TYPE_CHECKING:
    from litellm_plugins.cache.spaces import Elsewhere, SpaceStore
    from litellm_plugins.embedding.embedder import Embedder

_LOG = logging.getLogger(__name__)

# Soon after the start; and once more, since a worker that was still stopping then may have stored in its own space.
_LOOK_AFTER_S = (5.0, 900.0)
_AGAIN_AFTER_S, _AGAIN_AT_LATEST_S = 30.0, 3_600.0  # each time in vain doubles it
_BATCH = 250  # entries read at a time
_CLAIMED_FOR_S, _LONGEST_REST_S = 60.0, 10.0
_TOLD_EVERY_S = 60.0
_FAILURES = 3  # of the embedder in a row, until it is left alone; a single one may be the text's fault


class Reembedder:
    """Moves every entry to the space of `embedder`, which it does not own.

    Args:
        share: of the time may go into embedding and storing, at most.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        *,
        spaces: SpaceStore,
        embedder: Embedder,
        share: float = 0.2,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._spaces, self._embedder, self._clock, self._sleep = spaces, embedder, clock, sleep
        self._rest = 1 / share - 1
        self._owner = uuid.uuid4().hex
        self._claimed_at = float("-inf")
        self._refused: set[int] = set()  # what the embedder failed at since everything was last gone through
        self._told_why = ""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, on the running loop. Raises: RuntimeError where none runs."""
        self._task = asyncio.get_running_loop().create_task(self.run())

    async def aclose(self) -> None:
        """Stop at once. Before store and embedder are closed."""
        if self._task is not None:
            with contextlib.suppress(Exception):
                await stop(self._task)

    async def run(self) -> None:
        """Look twice, each time until nothing is left."""
        for after_s in _LOOK_AFTER_S:
            await self._sleep(after_s * random.uniform(1, 2))  # noqa: S311 - so that workers do not stay in step
            again_s = _AGAIN_AFTER_S
            while not await self._looked():
                await self._sleep(again_s)
                again_s = min(2 * again_s, _AGAIN_AT_LATEST_S)

    async def look(self) -> bool:
        """Move what lies elsewhere. Whether all of it is done; False too where another worker is at it.

        Raises: StoreUnavailable, EmbedderUnavailable.
        """
        space = self._embedder.model_id
        waiting = await self._spaces.count_elsewhere(space)
        if not waiting:
            return True
        if not await self._holds_claim():
            return False
        try:
            return await self._move_all(space, waiting)
        finally:
            self._claimed_at = float("-inf")
            with contextlib.suppress(StoreUnavailable):
                await self._spaces.claim(self._owner, 0)

    async def _looked(self) -> bool:
        try:
            done = await self.look()
        except PluginError as exc:
            self._tell_why(logging.INFO, f"re-embedding waits: {exc}")
            return False
        except Exception as exc:  # noqa: BLE001 - nobody else would hear of it: the task's edge
            self._tell_why(logging.WARNING, f"re-embedding failed: {type(exc).__name__}")
            return False
        self._told_why = ""
        return done

    def _tell_why(self, level: int, why: str) -> None:
        """Once, and not at each attempt."""
        if why != self._told_why:
            _LOG.log(level, why)
            self._told_why = why

    async def _move_all(self, space: str, waiting: int) -> bool:
        progress = _Progress(space, waiting, self._clock)
        failures = 0
        async for found in self._elsewhere(space):
            if not await self._holds_claim():
                return False
            progress.tell()
            began = self._clock()
            try:
                progress.moved += await self._move(found, space)
                failures = 0
            except EmbedderUnavailable:
                self._refused.add(found.version)
                failures += 1
                if failures == _FAILURES:
                    raise
            await self._sleep(min((self._clock() - began) * self._rest, _LONGEST_REST_S))
        progress.tell_end()
        left = bool(self._refused)
        self._refused.clear()
        return not left

    async def _elsewhere(self, space: str) -> AsyncIterator[Elsewhere]:
        batch = await self._spaces.elsewhere(space, after=None, limit=_BATCH)
        while True:
            for found in batch.found:
                if found.version not in self._refused:
                    yield found
            if batch.after is None:
                return
            batch = await self._spaces.elsewhere(space, after=batch.after, limit=_BATCH)

    async def _move(self, found: Elsewhere, space: str) -> bool:
        embedding = await self._embedder.embed(found.question)
        return await self._spaces.move(found, vector=None if embedding.partial else embedding.vector, space=space)

    async def _holds_claim(self) -> bool:
        """Whether this worker may go on; asks the store now and then only."""
        if self._clock() - self._claimed_at < _CLAIMED_FOR_S / 3:
            return True
        began = self._clock()
        if not await self._spaces.claim(self._owner, _CLAIMED_FOR_S):
            return False
        self._claimed_at = began
        return True


class _Progress:
    """What the log is told: how much there is to do, how far it is now and then, the end. Nothing if nothing begins."""

    def __init__(self, space: str, waiting: int, clock: Callable[[], float]) -> None:
        self._space, self._waiting, self._clock = space, waiting, clock
        self._told_at: float | None = None
        self.moved = 0

    def tell(self) -> None:
        now = self._clock()
        if self._told_at is None:
            _LOG.info("re-embedding %s questions for %s in the background", f"{self._waiting:,}", self._space)
        elif now - self._told_at >= _TOLD_EVERY_S:
            self._log("so far re-embedded")
        else:
            return
        self._told_at = now

    def tell_end(self) -> None:
        if self._told_at is not None:
            self._log("re-embedded")

    def _log(self, word: str) -> None:
        _LOG.info("%s %s of %s questions for %s", word, f"{self.moved:,}", f"{self._waiting:,}", self._space)
