"""The control sample, where a verdict on one item serves the others of the same question and answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from litellm_plugins.review.items import Item, Kind, Second, State, Why

if TYPE_CHECKING:
    from litellm_plugins.review.store import ItemStore

SAMPLE_DAYS = 30.0


class TakingOver:
    """Raises: StoreUnavailable."""

    def __init__(self, store: ItemStore, *, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock

    async def settled(
        self, days: float, team: str | None, tenant: str | None
    ) -> tuple[list[Item], Mapping[str, State]]:
        """The control sample by its draw, and what was said of which pair.

        What waits though its pair was judged before takes that verdict when its turn comes: once nothing of its kind
        waits before it. Sooner it would put the pairs that were judged (often for being doubtful) before all others,
        and the estimate would be theirs. A verdict that is changed is changed wherever it was taken over. A team's part
        says neither whose turn it is nor what was said last: another team may have had the same answer.
        """
        sample = await self._store.sample(since_s=self._clock() - days * 86_400, team=team, tenant=tenant)
        judged = await self._store.judged(since_s=0.0, team=team, tenant=tenant)
        known = await asyncio.to_thread(_known, judged)  # a full store has many, and requests go on meanwhile
        is_everybodys = team is None and tenant is None
        is_whole = is_everybodys and days == SAMPLE_DAYS
        waits: set[Kind] = set()
        for place, item in enumerate(sample):
            if item.state.taken and is_everybodys:
                sample[place] = await self._followed(item, known.get(item.pair, item.state))
            elif is_whole and item.state.verdict is None and item.state.why is Why.CONTROL:
                if item.pair not in known:
                    waits.add(item.kind)
                elif item.kind not in waits:
                    sample[place] = await self._takes(item, known[item.pair])
        return sample, known

    async def _followed(self, item: Item, now: State) -> Item:
        """As was said since, of the item that it was taken from."""
        return item if now.verdict is item.state.verdict else await self._takes(item, now)

    async def _takes(self, item: Item, before: State) -> Item:
        state = replace(
            item.state, verdict=before.verdict, by=before.by, source=before.source,
            judged_at_s=self._clock(), effects=(), taken=True,
        )  # fmt: skip
        return replace(item, state=state) if await self._store.swap(item, state) else item


def waits_for_chance(item: Item) -> bool:
    """Whether nothing but its draw says when it is judged."""
    return item.state.why is Why.CONTROL and item.state.second is not Second.ASKED


def _known(judged: list[Item]) -> dict[str, State]:
    """What holds of each pair: what was said last of it, and not what was taken over."""
    said = [each for each in judged if each.state.verdict is not None]
    said.sort(key=lambda each: (not each.state.taken, each.state.judged_at_s))
    return {each.pair: each.state for each in said}
