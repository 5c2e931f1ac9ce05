"""Verdicts and thumbs whose worker was gone before all was done that they ask for: another carries them out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from litellm_plugins.review.items import PENDING, Item, State

LEFT_S = 30.0  # after which whoever was at it is taken for gone
_AGAIN_S, _LONGEST_S = 60.0, 3_600.0  # from a worker's try at an item to its next one, twice as long each time


class Desk(Protocol):
    """Who carries out verdicts."""

    async def resume(self, item_id: str) -> bool:
        """As `ReviewDesk.resume`."""


class Resuming:
    """One per worker; each may find the same item, and one carries it out. `failed` is told what could not be done."""

    def __init__(
        self, desk: Desk, *, failed: Callable[[Exception], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._desk, self._failed, self._clock = desk, failed, clock
        self._tried: dict[str, tuple[int, float]] = {}  # how often each item was, and until when it is not again

    async def look(self, judged: Iterable[Item]) -> int:
        """How many were carried out, of all items that were judged or have a thumb."""
        now = self._clock()
        left = await asyncio.to_thread(_left, judged, now)  # of very many, hardly any
        self._tried = {id_: tried for id_, tried in self._tried.items() if tried[1] > now - _LONGEST_S}
        done = 0
        for id_ in left:
            times, rests_until = self._tried.get(id_, (0, 0.0))
            if now < rests_until:
                continue
            self._tried[id_] = times + 1, now + min(_LONGEST_S, _AGAIN_S * 2**times)
            try:
                done += await self._desk.resume(id_)
            except Exception as exc:  # noqa: BLE001 - nobody waits for it, and the others are to be seen to
                self._failed(exc)
        return done


def is_left(item: Item, now_s: float) -> bool:
    """Whether something is still to be done, and has been for so long that nobody is at it."""
    return verdict_is_left(item.state, now_s) or thumb_is_left(item.state, now_s)


def verdict_is_left(state: State, now_s: float) -> bool:
    """The same of its verdict."""
    return state.verdict is not None and PENDING in state.effects and now_s - state.judged_at_s >= LEFT_S


def thumb_is_left(state: State, now_s: float) -> bool:
    """The same of its thumb."""
    return PENDING in state.thumb_effects and now_s - state.thumb_at_s >= LEFT_S


def _left(judged: Iterable[Item], now_s: float) -> list[str]:
    return [each.id for each in judged if is_left(each, now_s)]
