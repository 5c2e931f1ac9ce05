"""What every keeper of `ItemStore` promises."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from litellm_plugins.review.items import Kind, Second, Source, State, Verdict, Why
from litellm_plugins.review.store import ItemStore
from tests.unit.review.samples import NOW, item

Two = tuple[ItemStore, ItemStore]
FULL = item(
    1,
    why=Why.NEAR,
    kind=Kind.ROUTE,
    question="¿Dónde está mi tarjeta? 👩",
    matched_question="Where is it?",
    answer="Here.",
    route="auto/simple/trial:b",
    tier="simple",
    arm="trial:b",
    similarity=0.5,
    probability=1 / 3,
    age_s=0.0,
    hit='{"tenant":"team:support"}',
)


async def test_an_item_comes_back_whole_by_its_id_its_trace_and_its_call(item_stores: Two) -> None:
    one, other = item_stores
    await one.add([FULL, item(2)])

    assert await other.find(FULL.id) == FULL
    assert await other.named(FULL.trace_id, tenant=None) == FULL
    assert await other.named(FULL.call_id, tenant=None) == FULL
    assert await other.find("f" * 32) is None
    assert await other.named("f" * 32, tenant=None) is None


async def test_an_item_may_bear_no_trace(item_stores: Two) -> None:
    one, other = item_stores
    bare = replace(FULL, kind=Kind.COMPARISON, trace_id="", call_id="")
    await one.add([bare])

    assert await other.find(bare.id) == bare
    assert [each.id for each in await other.waiting(9, team=None, tenant=None)] == [bare.id]


async def test_an_item_of_a_key_without_a_team_is_read_like_any_other(item_stores: Two) -> None:
    one, other = item_stores
    bare = item(3, why=Why.CONTROL, team="", tenant="", layer="", pair="", trace_id="", call_id="", reason="")
    near = replace(bare, id="n" * 32, control=False, state=State(why=Why.NEAR))
    await one.add([FULL, bare, near])

    assert await other.find(bare.id) == bare
    assert await other.sample(since_s=0, team=None, tenant=None) == [bare]
    assert [each.id for each in await other.waiting(9, team=None, tenant=None)] == [near.id, FULL.id]


async def test_a_name_that_two_tenants_gave_is_to_each_its_own(item_stores: Two) -> None:
    one, other = item_stores
    theirs = item(7, tenant="team:Süd 👩", trace_id=FULL.trace_id, call_id=FULL.call_id)
    await one.add([FULL, theirs])

    for name in (FULL.trace_id, FULL.call_id):
        assert await other.named(name, tenant=None) == theirs  # the newest
        assert await other.named(name, tenant=theirs.tenant) == theirs
        assert await other.named(name, tenant=FULL.tenant) == FULL
        assert await other.named(name, tenant="team:nobody") is None


async def test_texts_of_old_items_go_and_all_else_of_them_stays(item_stores: Two) -> None:
    one, other = item_stores
    old = [
        replace(FULL, id=f"{n:032x}", trace_id=f"{n:032x}", call_id=f"{n + 9:032x}", at_s=NOW - n, state=state)
        for n, state in enumerate((State(), State(why=Why.NEAR), FULL.state), start=1)
    ]
    await one.add([replace(FULL, at_s=NOW), *old])
    judged = replace(old[0].state, verdict=Verdict.WRONG, by="ana", source=Source.HUMAN, judged_at_s=NOW)
    assert await one.swap(old[0], judged)

    assert await other.forget_texts(before_s=NOW) == 3
    assert await other.forget_texts(before_s=NOW) == 0
    assert await one.find(FULL.id) == replace(FULL, at_s=NOW)
    for item_, state in zip(old, (judged, old[1].state, old[2].state), strict=True):
        found = await one.find(item_.id)
        assert found == replace(item_, state=state, question="", matched_question="", answer="")
    assert await one.swap(replace(old[0], state=judged), replace(judged, by="ben"))


async def test_what_is_added_again_stays_as_it_is(item_stores: Two) -> None:
    one, other = item_stores
    await one.add([FULL])
    await other.add([replace(FULL, answer="Another.", state=State())])

    assert await one.find(FULL.id) == FULL


async def test_lists_come_without_texts_the_newest_first_by_team_and_with_how_often_they_were_served(
    item_stores: Two,
) -> None:
    one, other = item_stores
    sales = item(3, why=Why.OLD, team="sales")
    again = item(4, pair=FULL.pair)  # nothing to look at, but the same answer again
    await one.add([FULL, item(2), sales, again, item(5, why=Why.CONTROL)])

    found = await other.waiting(9, team=None, tenant=None)
    assert [(each.id, each.served) for each in found] == [(sales.id, 1), (FULL.id, 2)]
    assert found[1] == replace(FULL, question="", matched_question="", answer="", served=2)
    assert [each.id for each in await other.waiting(9, team="sales", tenant=None)] == [sales.id]
    assert [each.id for each in await other.waiting(1, team=None, tenant=None)] == [sales.id]


async def test_the_sample_comes_by_its_draw_judged_or_not(item_stores: Two) -> None:
    one, other = item_stores
    sample = [item(number, why=Why.CONTROL) for number in range(4)]
    await one.add([*sample, FULL])
    judged = replace(sample[2].state, verdict=Verdict.WRONG)
    assert await one.swap(sample[2], judged)

    found = await other.sample(since_s=NOW, team=None, tenant=None)
    assert [each.id for each in found] == [each.id for each in sorted(sample, key=lambda each: each.draw)]
    assert {each.id for each in found if each.state.verdict} == {sample[2].id}
    assert await other.sample(since_s=NOW + 2, team="sales", tenant=None) == []
    assert len(await other.sample(since_s=NOW + 2, team=None, tenant=None)) == 2


async def test_lists_are_one_tenant_s_where_two_go_by_one_name(item_stores: Two) -> None:
    one, other = item_stores
    theirs = [item(7, why=Why.NEAR, tenant="team:Süd 👩"), item(8, why=Why.CONTROL, tenant="team:Süd 👩")]
    await one.add([FULL, *theirs, item(5, why=Why.CONTROL)])
    for each in theirs:
        assert await one.swap(each, replace(each.state, thumb="down"))
    whose = {"team": FULL.team, "tenant": "team:Süd 👩"}

    assert [each.id for each in await other.waiting(9, **whose)] == [theirs[0].id]
    assert [each.id for each in await other.sample(since_s=0, **whose)] == [theirs[1].id]
    assert [each.id for each in await other.judged(since_s=0, **whose)] == [theirs[1].id, theirs[0].id]
    assert await other.waiting(9, team="sales", tenant="team:Süd 👩") == []


async def test_a_state_is_changed_only_by_who_knows_it(item_stores: Two) -> None:
    one, other = item_stores
    await one.add([FULL])
    state = State(
        Why.THUMB_DOWN, Verdict.WRONG, "ana", Source.HUMAN, "", NOW, ("evicted", "labelled"), "down", ("evicted",)
    )
    assert await one.swap(FULL, state)
    assert not await other.swap(FULL, State())
    now = replace(FULL, state=state)

    assert await other.find(FULL.id) == now
    assert await other.waiting(9, team=None, tenant=None) == []
    assert [each.state for each in await other.judged(since_s=NOW, team=None, tenant=None)] == [state]
    assert await other.swap(now, State(Why.NEAR))
    assert await other.judged(since_s=0, team=None, tenant=None) == []


async def test_what_wants_a_second_verdict_waits_and_counts_as_judged_meanwhile(item_stores: Two) -> None:
    one, other = item_stores
    await one.add([FULL])
    asked = replace(FULL.state, verdict=Verdict.WRONG, judged_at_s=NOW, second=Second.ASKED)
    assert await one.swap(FULL, asked)
    for lists in (other.waiting(9, team=None, tenant=None), other.judged(since_s=NOW, team=None, tenant=None)):
        assert [each.state for each in await lists] == [asked]

    assert await one.swap(replace(FULL, state=asked), replace(asked, second=Second.GIVEN))
    assert await other.waiting(9, team=None, tenant=None) == []


async def test_of_many_that_change_it_at_once_one_does(item_stores: Two) -> None:
    await item_stores[0].add([FULL])
    states = [State(Why.NEAR, Verdict.RIGHT, f"reviewer {number}") for number in range(10)]

    swapped = await asyncio.gather(*(store.swap(FULL, state) for store in item_stores for state in states))
    assert sum(swapped) == 1


async def test_what_is_only_kept_to_be_spoken_of_makes_room_first_and_judged_ones_have_half(item_stores: Two) -> None:
    one, other = item_stores
    for number in range(8):
        waits = item(number, why=Why.NEAR)
        await one.add([waits])
        assert await one.swap(waits, replace(waits.state, verdict=Verdict.RIGHT, judged_at_s=NOW + number))
    for number in range(100, 120):
        await other.add([item(number)])
    await one.add([item(50, why=Why.NEAR), item(51, why=Why.CONTROL)])

    judged = await other.judged(since_s=0, team=None, tenant=None)
    assert [each.id for each in judged] == [item(number).id for number in (7, 6, 5, 4, 3)]
    assert await other.find(item(50).id) is not None
    assert await other.find(item(116).id) is None
    assert await other.named(item(116).trace_id, tenant=None) is None
    assert [bool(await other.find(item(number).id)) for number in (117, 118, 119)] == [True] * 3
