"""What a verdict does: to the cache, to the rows that routers are trained on, to how much prompts are shortened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_plugins.proxy.review.undoing import hit_of
from litellm_plugins.review.items import Item, Kind, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from litellm_plugins.cache.reviewed import Reviewed

OUTCOME, RATE_LOWERED, RATE_RAISED = "outcome", "rate_lowered", "rate_raised"


class HostEffects:
    """Keeps `review.desk.Effects`. `cache` is None where nothing is cached."""

    def __init__(self, cache: Reviewed | None, *, rates_changed: Callable[[], None] = lambda: None) -> None:
        self._cache, self._rates_changed = cache, rates_changed

    async def apply(self, item: Item, verdict: Verdict) -> tuple[str, ...]:
        done = list(await self._cached(item, verdict))
        if item.route:  # the row is made of the item itself, when it is exported
            done.append(OUTCOME)
        if item.methods:  # and so is the rate, of the last verdicts
            self._rates_changed()
            done.append(RATE_LOWERED if verdict is Verdict.WRONG else RATE_RAISED)
        return tuple(done)

    async def _cached(self, item: Item, verdict: Verdict) -> tuple[str, ...]:
        """To what the cache served, or has kept of a fresh answer to serve it."""
        hit = hit_of(item)
        if self._cache is None or hit is None:
            return ()
        if item.kind is Kind.COMPARISON:
            return await self._cache.compared(hit, right=verdict is Verdict.RIGHT)
        if verdict is Verdict.WRONG:
            return await self._cache.wrong(hit, by_reviewer=True)
        return await self._cache.right(hit)

    async def doubt(self, item: Item) -> tuple[str, ...]:
        hit = hit_of(item)
        if item.kind is Kind.COMPARISON or self._cache is None or hit is None:
            return ()
        return await self._cache.wrong(hit, by_reviewer=False)

    async def undo(self, item: Item, effects: tuple[str, ...], *, by_reviewer: bool) -> tuple[str, ...]:
        hit = hit_of(item)
        if self._cache is None or hit is None:
            return ()
        return await self._cache.undone(hit, effects, by_reviewer=by_reviewer)
