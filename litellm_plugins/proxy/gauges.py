"""What has to be asked for, asked beside the requests: memory, the verifier's standing, the depths of queues."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.tasks import stop
from litellm_plugins.telemetry.events import QueueMeasured, StageFailed, StoreMeasured, VerifierMeasured

if TYPE_CHECKING:
    from litellm_plugins.cache.verifier.standing import Standing
    from litellm_plugins.telemetry.events import Telemetry

_STAGE = "gauges"
_STANDING_EVERY_S = 60.0  # it reads a whole fit


class Gauges:
    """One for each worker. `memory` gives bytes used and the most, None where there is no limit."""

    def __init__(
        self,
        telemetry: Telemetry,
        *,
        every_s: float,
        standing: Callable[[], Awaitable[Standing]] | None = None,
        memory: Callable[[], Awaitable[tuple[int, int | None]]] | None = None,
        queues: Mapping[str, Callable[[], int]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._telemetry, self._every_s, self._clock = telemetry, every_s, clock
        self._standing, self._memory, self._queues = standing, memory, queues or {}
        self._standing_due = float("-inf")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin. Raises: RuntimeError where no loop runs."""
        self._task = asyncio.get_running_loop().create_task(self._for_ever())

    async def aclose(self) -> None:
        """Stop."""
        if self._task is not None:
            await stop(self._task)

    async def measure(self) -> None:
        """Ask and tell once. Never raises."""
        for name, depth in self._queues.items():
            self._telemetry.emit(QueueMeasured(name, depth()))
        for each in (self._of_memory, self._of_verifier):
            try:
                await each()
            except StoreUnavailable as exc:
                self._telemetry.emit(StageFailed(_STAGE, exc.reason, str(exc)))
            except Exception as exc:  # noqa: BLE001 - nobody waits for it, and it must not end unseen
                self._telemetry.broke(_STAGE, exc)

    async def _of_memory(self) -> None:
        if self._memory is not None:
            used, most = await self._memory()
            self._telemetry.emit(StoreMeasured(used, most))

    async def _of_verifier(self) -> None:
        if self._standing is None or self._clock() < self._standing_due:
            return
        self._standing_due = self._clock() + _STANDING_EVERY_S
        now = await self._standing()
        errors = {rate: promise.error_rate for rate, promise in now.promises.items()}
        self._telemetry.emit(VerifierMeasured(now.labels, now.fit or 0, errors))

    async def _for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self.measure()


def host_log_depth() -> int:
    """Calls that the host has still to tell its callbacks, and so us, of."""
    queue = GLOBAL_LOGGING_WORKER._queue
    return 0 if queue is None else queue.qsize()


def host_is_logging() -> bool:
    """Whether its callbacks, and so we, have still to be told of calls, or are being told."""
    return host_log_depth() > 0 or bool(GLOBAL_LOGGING_WORKER._running_tasks)
