"""What a worker that is gone has left half done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from litellm_plugins.review.desk import ReviewDesk
from litellm_plugins.review.items import Item, State, Verdict, Why
from litellm_plugins.review.resuming import LEFT_S, Resuming, is_left
from tests.unit.review.samples import NOW, item
from tests.unit.review.test_desk import Memory, Noted

HALF = ("pending", "in_hand")


def _left(number: int, **state: Any) -> Item:
    one = item(number, why=Why.NEAR)
    return replace(one, state=replace(one.state, **state))


VERDICT = _left(1, verdict=Verdict.WRONG, by="ana", judged_at_s=NOW, effects=HALF)
THUMB = _left(2, thumb="down", thumb_at_s=NOW, thumb_effects=HALF)


class World:
    def __init__(self, *items: Item, fails: int = 0) -> None:
        self.now, self.failed, self.notes = NOW + LEFT_S, list[Exception](), list[tuple[str, Mapping[str, Any]]]()
        self.items, self.effects = Memory(*items), Noted(fails)
        self.workers = [self._worker() for _ in range(2)]

    def _worker(self) -> Resuming:
        desk = ReviewDesk(
            self.items, self.effects, tell=lambda _: None, clock=lambda: self.now, between_s=0.0, note=self._note
        )
        return Resuming(desk, failed=self.failed.append, clock=lambda: self.now)

    async def _note(self, actor: str, what: Mapping[str, Any]) -> None:
        self.notes.append((actor, what))

    async def look(self, worker: int = 0) -> int:
        return await self.workers[worker].look(list(self.items.items.values()))

    def state(self, one: Item) -> State:
        return self.items.items[one.id].state


async def test_what_a_worker_left_half_done_another_carries_out_once() -> None:
    world = World(VERDICT, THUMB)
    assert [await world.look(), await world.look(1)] == [2, 0]

    assert world.effects.done == ["wrong", "doubt"]
    assert (world.state(VERDICT).effects, world.state(THUMB).thumb_effects) == (("remembered",), ("evicted",))
    assert (world.state(VERDICT).verdict, world.state(VERDICT).by) == (Verdict.WRONG, "ana")
    assert [(actor, what["by"], what["effects"]) for actor, what in world.notes] == [("pack", "ana", ["remembered"])]


async def test_of_two_workers_that_find_it_at_once_one_carries_it_out() -> None:
    world = World(VERDICT, THUMB)
    seen = list(world.items.items.values())
    assert [await worker.look(seen) for worker in world.workers] == [2, 0]
    assert world.effects.done == ["wrong", "doubt"]


@pytest.mark.parametrize("one", [VERDICT, THUMB])
async def test_what_somebody_may_still_be_at_is_left_alone(one: Item) -> None:
    world = World(one)
    world.now = NOW + LEFT_S - 1
    assert await world.look() == 0
    assert world.effects.done == []


async def test_what_always_fails_is_told_and_tried_ever_more_seldom_until_it_can_be_done() -> None:
    """Looked for each ten seconds, for an hour: a store that was away for a while takes no verdict with it."""
    world = World(VERDICT, fails=6)
    tries = list[float]()
    for seconds in range(0, 7_201, 10):
        world.now = NOW + LEFT_S + seconds
        before = len(world.failed)
        done = await world.look()
        tries += [seconds] if done or len(world.failed) > before else []
    assert tries == [0, 60, 180, 420, 900, 1_860, 3_780]
    assert (len(world.failed), world.effects.done) == (6, ["wrong"])
    assert not is_left(world.items.items[VERDICT.id], world.now)
