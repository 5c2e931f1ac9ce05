"""What is dear to make is given again for a while: the longer it took, the longer."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
_TIMES = 20  # as long as it took: so at most a twentieth of the time goes into each, up to 1.5 s
_LONGEST_S = 30.0
_MOST = 64  # keys


@dataclass(slots=True)
class _Kept(Generic[T]):
    making: asyncio.Task[T] | None = None
    value: T | None = None
    until: float = -math.inf


class Remembered(Generic[T]):
    """One per worker and kind of thing. Who asks while it is made waits for the same, also where that fails."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[Hashable, _Kept[T]] = OrderedDict()

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """`key` says all that the value depends on, whose it is before all. What fails is not kept."""
        kept = self._kept.setdefault(key, _Kept())
        self._kept.move_to_end(key)
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        if kept.making is None:
            if kept.value is not None and self._clock() < kept.until:
                return kept.value
            kept.making = asyncio.get_running_loop().create_task(self._made(kept, make))
        return await asyncio.shield(kept.making)  # who leaves takes nothing from those who wait as well

    async def _made(self, kept: _Kept[T], make: Callable[[], Awaitable[T]]) -> T:
        began = self._clock()
        try:
            kept.value = value = await make()
        finally:
            kept.making = None
        ended = self._clock()
        kept.until = ended + min(_LONGEST_S, _TIMES * (ended - began))
        return value
