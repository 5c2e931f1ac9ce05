"""What is dear to make is given again for a while: the longer it took, the longer."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
_TIMES = 20  # as long as it took: so at most a twentieth of a core goes into it, however often it is asked for
_LONGEST_S = 30.0
_MOST = 64  # keys


@dataclass(slots=True)
class _Kept(Generic[T]):
    making: asyncio.Lock = field(default_factory=asyncio.Lock)
    value: T | None = None
    until: float | None = None


class Remembered(Generic[T]):
    """One per worker and kind of thing. Who asks while it is made waits for the same."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[Hashable, _Kept[T]] = OrderedDict()

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """`key` says all that the value depends on, whose it is before all. What fails is not kept."""
        kept = self._kept.setdefault(key, _Kept())
        self._kept.move_to_end(key)
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        async with kept.making:
            began = self._clock()
            if kept.until is None or began >= kept.until or kept.value is None:
                kept.value = await make()
                ended = self._clock()
                kept.until = ended + min(_LONGEST_S, _TIMES * (ended - began))
            return kept.value
