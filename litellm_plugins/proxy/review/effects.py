"""What a verdict does: to the cache, to the rows that routers are trained on, to how much prompts are shortened."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import orjson

from litellm_plugins.cache.reviewed import Reviewed, ServedHit
from litellm_plugins.review.items import Item, Kind, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

OUTCOME, RATE_LOWERED, RATE_RAISED = "outcome", "rate_lowered", "rate_raised"


class HostEffects:
    """Keeps `review.desk.Effects`. `cache` is None where nothing is cached."""

    def __init__(self, cache: Reviewed | None, *, rates_changed: Callable[[], None] = lambda: None) -> None:
        self._cache, self._rates_changed = cache, rates_changed

    async def apply(self, item: Item, verdict: Verdict) -> tuple[str, ...]:
        if item.kind is Kind.HIT:
            hit = hit_of(item)
            if self._cache is None or hit is None:
                return ()
            if verdict is Verdict.WRONG:
                return await self._cache.wrong(hit, by_reviewer=True)
            return await self._cache.right(hit)
        if item.kind is Kind.COMPARISON:
            match = hit_of(item)
            if self._cache is None or match is None:
                return ()
            return await self._cache.compared(match, right=verdict is Verdict.RIGHT)
        done: list[str] = []
        if item.route:  # the row is made of the item itself, when it is exported
            done.append(OUTCOME)
        if item.methods:  # and so is the rate, of the last verdicts
            self._rates_changed()
            done.append(RATE_LOWERED if verdict is Verdict.WRONG else RATE_RAISED)
        return tuple(done)

    async def doubt(self, item: Item) -> tuple[str, ...]:
        hit = hit_of(item)
        if item.kind is not Kind.HIT or self._cache is None or hit is None:
            return ()
        return await self._cache.wrong(hit, by_reviewer=False)

    async def undo(self, item: Item, effects: tuple[str, ...], *, by_reviewer: bool) -> tuple[str, ...]:
        hit = hit_of(item)
        if self._cache is None or hit is None:
            return ()
        return await self._cache.undone(hit, effects, by_reviewer=by_reviewer)


def hit_of(item: Item) -> ServedHit | None:
    """What the recorder took down of a hit; None where it was none, or of a tenant that is not known."""
    told = orjson.loads(item.hit) if item.hit else {}
    if not told.get("tenant"):
        return None
    return ServedHit(
        tenant=told["tenant"],
        owner=told.get("owner", ""),
        cache_id=item.cache_id,
        answer_id=bytes.fromhex(told.get("answer_id", "")),
        partition=bytes.fromhex(told.get("partition", "")),
        pairs=tuple(bytes.fromhex(pair) for pair in told.get("pairs", ())),
        is_curated=bool(told.get("curated")),
        features=base64.b64decode(told.get("features", "")),
        space=told.get("space", ""),
    )
