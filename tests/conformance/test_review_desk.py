"""Two workers' desks over one store: what one reviewer says while another looks, or while effects take their time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.review.desk import JudgedMeanwhile, ReviewDesk
from litellm_plugins.review.items import Item, State, Verdict, Why
from litellm_plugins.review.resuming import LEFT_S
from litellm_plugins.review.second_opinions import AGAIN_AFTER_S
from litellm_plugins.review.store import ItemStore
from tests.unit.review.samples import NOW, item

Two = tuple[ItemStore, ItemStore]
HIT = item(1, why=Why.NEAR, probability=0.97)
FILLER = item(9, why=Why.NEAR)
LATE_S = 11.0  # after which nobody waits for whoever has an item in hand
TENANT = HIT.tenant


class Slow:
    """What a verdict does. The first to begin fails, or ends only when it is let."""

    def __init__(self, *, fails: int = 0, holds: bool = False) -> None:
        self.done: list[str] = []
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()
        self._fails, self._holds = fails, holds

    async def apply(self, item: Item, verdict: Verdict) -> tuple[str, ...]:
        return await self._does(str(verdict), "remembered" if verdict is Verdict.WRONG else "support_raised")

    async def doubt(self, item: Item) -> tuple[str, ...]:
        return await self._does("doubt", "remembered")

    async def undo(self, item: Item, effects: tuple[str, ...], *, by_reviewer: bool) -> tuple[str, ...]:
        self.done.append(f"undo {' '.join(effects)}")
        return ("forgotten",) if "remembered" in effects else ()

    async def _does(self, what: str, effect: str) -> tuple[str, ...]:
        if self._fails:
            self._fails -= 1
            raise StoreUnavailable("store_busy")
        if self._holds:
            self._holds = False
            self.begun.set()
            await self.may_end.wait()
        self.done.append(what)
        return (effect,)


class World:
    def __init__(self, stores: Two, *, fails: int = 0, holds: bool = False) -> None:
        self.now, self.stores, self.effects = NOW, stores, Slow(fails=fails, holds=holds)
        self.one, self.other = (self.desk(store) for store in stores)

    def desk(self, store: ItemStore) -> ReviewDesk:
        return ReviewDesk(
            store,
            self.effects,
            tell=lambda _: None,
            clock=lambda: self.now,
            between_s=0.0,
            second_opinion_from=0.8,
        )

    async def say(self, verdict: str, *, shown_at_s: float | None, at: ReviewDesk | None = None) -> dict[str, Any]:
        given = {"item_id": HIT.id, "verdict": verdict}
        return await (at or self.other).take(given, actor="ben", shown_at_s=shown_at_s)

    async def state(self) -> State:
        found = await self.stores[0].find(HIT.id)
        assert found is not None
        return found.state


@pytest.fixture
async def stores(item_stores: Two) -> Two:
    await item_stores[0].add([HIT])
    return item_stores


async def test_who_was_shown_an_item_before_another_worker_took_a_verdict_in_overrules_nothing(stores: Two) -> None:
    world = World(stores)
    world.now += 5
    await world.say("wrong", shown_at_s=NOW, at=world.one)
    world.now += 5
    with pytest.raises(JudgedMeanwhile) as refused:
        await world.say("right", shown_at_s=NOW + 4)
    assert refused.value.verdict is Verdict.WRONG
    assert (await world.state()).verdict is Verdict.WRONG
    assert world.effects.done == ["wrong"]

    await world.say("right", shown_at_s=None)  # all the same
    assert (await world.state()).verdict is Verdict.RIGHT
    assert world.effects.done == ["wrong", "undo remembered", "right"]


async def test_who_is_told_that_a_verdict_was_not_carried_out_gives_the_same_one_again(stores: Two) -> None:
    """From the page as it was: what was said since then is nobody else's word, or the same one."""
    world = World(stores, fails=1)
    world.now += 5
    with pytest.raises(StoreUnavailable):
        await world.say("wrong", shown_at_s=NOW)
    world.now += 5
    assert (await world.say("wrong", shown_at_s=NOW, at=world.one))["effects"] == ["remembered"]
    assert world.effects.done == ["wrong"]


async def test_a_second_opinion_that_says_the_same_is_a_word_that_no_older_page_overrules(stores: Two) -> None:
    world = World(stores)
    await world.say("wrong", shown_at_s=None)
    shown_at_s = world.now = NOW + AGAIN_AFTER_S  # to two reviewers
    world.now += 5
    await world.say("wrong", shown_at_s=shown_at_s, at=world.one)
    world.now += 5
    with pytest.raises(JudgedMeanwhile):
        await world.say("right", shown_at_s=shown_at_s)
    assert (await world.state()).verdict is Verdict.WRONG


class Interposed:
    """A store in which somebody is quicker: between what is read and what is written."""

    def __init__(self, inner: ItemStore) -> None:
        self.inner, self.meanwhile = inner, asyncio.Event()
        self.has_read = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def find(self, id_: str) -> Item | None:
        found = await self.inner.find(id_)
        if not self.has_read.is_set():
            self.has_read.set()
            await self.meanwhile.wait()
        return found


@pytest.mark.parametrize("which", ["verdict", "thumb"])
async def test_what_is_resumed_overrules_nothing_that_was_said_meanwhile(stores: Two, which: str) -> None:
    world = World(stores)
    left = {
        "verdict": replace(HIT.state, verdict=Verdict.WRONG, judged_at_s=NOW, effects=("pending", "in_hand")),
        "thumb": replace(HIT.state, thumb="down", thumb_at_s=NOW, thumb_effects=("pending", "in_hand")),
    }[which]
    assert await stores[0].swap(HIT, left)
    world.now += LEFT_S
    store = Interposed(stores[1])
    resuming = asyncio.create_task(world.desk(store).resume(HIT.id))
    await store.has_read.wait()
    if which == "verdict":
        await world.say("right", shown_at_s=None, at=world.one)
    else:
        await world.one.thumb([HIT.call_id], is_up=True, tenant=TENANT)
    store.meanwhile.set()
    await resuming

    state = await world.state()
    assert (state.verdict, state.thumb) == ((Verdict.RIGHT, "") if which == "verdict" else (None, "up"))
    assert "wrong" not in world.effects.done
    assert "doubt" not in world.effects.done


async def test_a_verdict_that_nobody_waited_for_undoes_no_later_one_and_is_taken_back(stores: Two) -> None:
    world = World(stores, holds=True)
    late = asyncio.create_task(world.say("wrong", shown_at_s=None))
    await world.effects.begun.wait()
    world.now += LATE_S
    await world.say("right", shown_at_s=None, at=world.one)
    world.effects.may_end.set()
    await late
    assert (await world.state()).verdict is Verdict.RIGHT

    world.now += LEFT_S
    await world.other.resume(HIT.id)
    assert world.effects.done == ["right", "wrong", "undo support_raised remembered", "right"]
    assert (await world.state()).effects == ("forgotten", "support_raised")


async def test_a_thumb_up_that_did_not_wait_for_the_one_down_takes_it_back_all_the_same(stores: Two) -> None:
    world = World(stores, holds=True)
    late = asyncio.create_task(world.other.thumb([HIT.call_id], is_up=False, tenant=TENANT))
    await world.effects.begun.wait()
    await world.one.thumb([HIT.call_id], is_up=True, tenant=TENANT)
    world.effects.may_end.set()
    await late
    assert (await world.state()).thumb == "up"

    world.now += LEFT_S
    await world.other.resume(HIT.id)
    assert world.effects.done[-1] == "undo remembered"
    assert (await world.state()).thumb_effects == ("forgotten",)


async def test_a_thumb_that_is_given_again_while_the_first_takes_long_is_the_same_thumb(stores: Two) -> None:
    world = World(stores, holds=True)
    late = asyncio.create_task(world.other.thumb([HIT.call_id], is_up=False, tenant=TENANT))
    await world.effects.begun.wait()
    world.now += 2
    await world.one.thumb([HIT.call_id], is_up=False, tenant=TENANT)
    world.effects.may_end.set()
    await late
    assert world.effects.done == ["doubt", "doubt"]
    assert (await world.state()).thumb_effects == ("remembered",)

    world.now += LEFT_S
    assert not await world.other.resume(HIT.id)
    assert world.effects.done == ["doubt", "doubt"]


async def test_a_thumb_on_what_makes_room_at_that_moment_does_nothing(stores: Two) -> None:
    class Full(Interposed):
        async def swap(self, item: Item, state: State) -> bool:
            await self.inner.add([replace(FILLER, id=f"{number:032x}") for number in range(10)])
            return await self.inner.swap(item, state)

    store = Full(stores[0])
    store.has_read.set()
    desk = World(stores).desk(store)
    assert await desk.thumb([HIT.call_id], is_up=False, tenant=TENANT) == ()


async def test_a_look_at_one_team_s_part_changes_nothing_that_another_team_s_verdict_says(item_stores: Two) -> None:
    """In a cache that all share the same answer is two teams'; each look by turns would turn it round."""
    theirs = item(2, why=Why.NEAR, pair=HIT.pair, tenant="team:sales", team="sales")
    copy = item(3, why=Why.CONTROL, pair=HIT.pair, at_s=NOW)
    await item_stores[0].add([HIT, theirs, copy])
    world = World(item_stores)
    for one, verdict in ((HIT, Verdict.RIGHT), (theirs, Verdict.WRONG)):
        world.now += 5
        await world.one.judge(one.id, verdict, "ana")
        await world.one.sample(30)

    async def said_of_it(team: str | None) -> Verdict | None:
        world.now += 5
        found = await world.other.sample(30, team)
        return next(each.state.verdict for each in found if each.id == copy.id)

    assert [await said_of_it(team) for team in (None, HIT.team, None)] == [Verdict.WRONG] * 3
