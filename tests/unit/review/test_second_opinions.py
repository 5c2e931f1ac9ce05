"""Verdicts against what was all but sure: asked for once more, by whom the first does not lead."""

from __future__ import annotations

from dataclasses import replace

import pytest

from litellm_plugins.review.desk import ReviewDesk
from litellm_plugins.review.items import Item, Kind, Second, State, Verdict, Why
from litellm_plugins.review.second_opinions import AGAIN_AFTER_S
from litellm_plugins.review.store import state_from, state_of
from litellm_plugins.telemetry.events import Event
from tests.unit.review.samples import NOW, item
from tests.unit.review.test_desk import Memory, Noted

SURE = item(1, why=Why.NEAR, probability=0.97, at_s=NOW)
OTHER = item(2, why=Why.THUMB_DOWN, at_s=NOW)


class World:
    def __init__(self, *items: Item, sure_from: float = 0.8) -> None:
        self.now, self.memory, self.effects = NOW, Memory(*items), Noted()
        self.told: list[Event] = []
        self.desk = ReviewDesk(
            self.memory, self.effects, tell=self.told.append, clock=lambda: self.now, second_opinion_from=sure_from
        )

    async def say(self, verdict: Verdict, of: Item = SURE, by: str = "ana") -> list[str]:
        effects: list[str] = (await self.desk.judge(of.id, verdict, by))["effects"]
        return effects

    async def asked(self) -> list[str]:
        return [each["id"] for each in await self.desk.queue(9)]

    def second(self, of: Item = SURE) -> Second:
        return self.memory.items[of.id].state.second


async def test_a_wrong_on_a_nearly_sure_hit_acts_at_once_and_comes_back_first_after_a_while() -> None:
    world = World(SURE, OTHER)
    assert await world.say(Verdict.WRONG) == ["remembered"]
    assert await world.asked() == [OTHER.id]

    world.now += AGAIN_AFTER_S
    first, _ = await world.desk.queue(9)
    assert (first["id"], first["why"]) == (SURE.id, "second_opinion")
    assert (first["verdict"], first["by"], first["effects"]) == (None, "", [])


async def test_who_says_the_same_settles_it_and_nothing_is_done_twice() -> None:
    world = World(SURE)
    await world.say(Verdict.WRONG)
    assert await world.say(Verdict.WRONG) == ["remembered"]  # a moment later: the same word
    assert (world.second(), len(world.told)) == (Second.ASKED, 1)

    world.now += AGAIN_AFTER_S
    for _ in range(2):
        assert await world.say(Verdict.WRONG, by="ben") == ["remembered"]
    assert (world.effects.done, len(world.told)) == (["wrong"], 2)
    assert (world.second(), await world.asked()) == (Second.GIVEN, [])


async def test_who_says_otherwise_takes_it_back_and_nobody_is_asked_a_third_time() -> None:
    world = World(SURE)
    await world.say(Verdict.WRONG)
    world.now += AGAIN_AFTER_S
    assert await world.say(Verdict.RIGHT, by="ben") == ["forgotten", "support_raised"]

    world.now += AGAIN_AFTER_S
    assert (world.second(), await world.asked()) == (Second.GIVEN, [])


async def test_a_label_that_somebody_overrules_is_looked_at_again() -> None:
    label = item(3, why=Why.DOUBTFUL_LABEL, kind=Kind.COMPARISON, probability=0.95)
    world = World(label)
    await world.say(Verdict.RIGHT, label)

    world.now += AGAIN_AFTER_S
    assert await world.asked() == [label.id]


@pytest.mark.parametrize(
    ("of", "verdict"),
    [
        (SURE, Verdict.RIGHT),
        (replace(SURE, probability=0.79), Verdict.WRONG),
        (replace(SURE, probability=None), Verdict.WRONG),  # by a fixed threshold, or in the same words
        (replace(SURE, state=State(why=Why.THUMB_DOWN)), Verdict.WRONG),  # two say so
        (replace(SURE, kind=Kind.COMPARISON), Verdict.WRONG),  # as the fresh answer said
        (replace(SURE, kind=Kind.ROUTE), Verdict.WRONG),
    ],
)
async def test_nobody_is_asked_again_where_nothing_speaks_against_it(of: Item, verdict: Verdict) -> None:
    world = World(of)
    await world.say(verdict, of)

    world.now += AGAIN_AFTER_S
    assert (world.second(of), await world.asked()) == (Second.NO, [])


async def test_it_can_be_switched_off() -> None:
    world = World(SURE, sure_from=1.0)
    await world.say(Verdict.WRONG)
    assert world.second() is Second.NO


async def test_one_of_the_control_sample_comes_back_as_well_and_counts_as_judged_meanwhile() -> None:
    drawn = replace(item(4, why=Why.CONTROL, probability=0.99), layer="semantic")
    world = World(drawn)
    await world.say(Verdict.WRONG, drawn)
    assert await world.asked() == []

    world.now += AGAIN_AFTER_S
    assert await world.asked() == [drawn.id]
    assert [each.state.verdict for each in await world.desk.sample(30)] == [Verdict.WRONG]


def test_that_one_is_asked_for_is_kept_with_the_item() -> None:
    state = State(why=Why.NEAR, verdict=Verdict.WRONG, second=Second.ASKED)
    assert state_from(state_of(state)) == state
