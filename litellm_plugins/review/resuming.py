"""Verdicts and thumbs whose worker was gone before all was done that they ask for: another carries them out."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

from litellm_plugins.review.items import PENDING, Item

LEFT_S = 30.0  # after which whoever was at it is taken for gone
_TRIES = 5  # of a worker, at each item: what always fails is left to a reviewer


class Desk(Protocol):
    """Who carries out verdicts."""

    async def resume(self, item_id: str) -> None:
        """As `ReviewDesk.resume`."""


class Resuming:
    """One per worker; each may find the same item, and one carries it out. `failed` is told what could not be done."""

    def __init__(
        self, desk: Desk, *, failed: Callable[[Exception], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._desk, self._failed, self._clock = desk, failed, clock
        self._tried: Counter[str] = Counter()

    async def look(self, judged: Iterable[Item]) -> int:
        """How many were carried out, of all items that were judged or have a thumb."""
        left = await asyncio.to_thread(_left, judged, self._clock())  # of very many, hardly any
        self._tried = Counter({id_: self._tried[id_] for id_ in left})
        done = 0
        for id_ in left:
            if self._tried[id_] >= _TRIES:
                continue
            self._tried[id_] += 1
            try:
                await self._desk.resume(id_)
            except Exception as exc:  # noqa: BLE001 - nobody waits for it, and the others are to be seen to
                self._failed(exc)
            else:
                done += 1
        return done


def is_left(item: Item, now_s: float) -> bool:
    """Whether something is still to be done, and has been for so long that nobody is at it."""
    state = item.state
    verdict = state.verdict is not None and PENDING in state.effects and now_s - state.judged_at_s >= LEFT_S
    return verdict or (PENDING in state.thumb_effects and now_s - state.thumb_at_s >= LEFT_S)


def _left(judged: Iterable[Item], now_s: float) -> list[str]:
    return [each.id for each in judged if is_left(each, now_s)]
