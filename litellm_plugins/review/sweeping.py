"""Questions and answers that were kept to be reviewed go after some days; what was said of them stays."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.model import Reason
from litellm_plugins.tasks import stop

if TYPE_CHECKING:
    from litellm_plugins.review.store import ItemStore

_MOST_S, _LEAST_S = 3_600.0, 1.0
_PARTS = 24  # of the time that texts are kept: by so much they are late at most


class TextSweep:
    """Every worker sweeps, now and then: done twice it does nothing. `failed` is told a reason and a class."""

    def __init__(
        self,
        store: ItemStore,
        *,
        keep_s: float,
        failed: Callable[[str, str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._keep_s, self._failed, self._clock = store, keep_s, failed, clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """In the background. Raises: RuntimeError where no loop runs."""
        self._task = asyncio.get_running_loop().create_task(self._for_ever())

    async def once(self) -> int:
        """How many items lost their texts. Raises: StoreUnavailable."""
        return await self._store.forget_texts(before_s=self._clock() - self._keep_s)

    async def aclose(self) -> None:
        """Stop it."""
        if self._task is not None:
            await stop(self._task)

    async def _for_ever(self) -> None:
        every_s = min(_MOST_S, max(_LEAST_S, self._keep_s / _PARTS))
        while True:
            await asyncio.sleep(every_s * random.uniform(0.5, 1.0))  # noqa: S311 - so that workers keep no step
            try:
                await self.once()
            except Exception as exc:  # noqa: BLE001 - nobody waits for it, and it must not end unseen
                reason = exc.reason if isinstance(exc, StoreUnavailable) else str(Reason.INTERNAL_ERROR)
                self._failed(reason, type(exc).__name__)
