"""What every keeper of `FlightStore` promises."""

from __future__ import annotations

import asyncio

import pytest

from litellm_plugins.admission.flights import Ending, FlightStore, Standing
from tests.conformance.entries import key_of

KEY, OTHER_KEY = key_of("a request"), key_of("another request")
LEASE_S = KEEP_S = 30.0
SHORT_S = 0.05
Workers = tuple[FlightStore, FlightStore]


async def test_of_all_that_ask_at_once_one_leads_and_the_others_are_told_who(flight_stores: Workers) -> None:
    stood = await asyncio.gather(*(flight_stores[n % 2].lead(KEY, f"w{n}", lease_s=LEASE_S) for n in range(50)))
    assert len(set(stood)) == 1
    assert stood[0].ending is None
    assert [await each.look(KEY) for each in flight_stores] == [stood[0]] * 2


async def test_each_key_has_a_flight_of_its_own(flight_stores: Workers) -> None:
    one, other = flight_stores
    assert await one.look(KEY) is None
    assert await one.lead(KEY, "a", lease_s=LEASE_S) == Standing("a")
    assert await other.lead(OTHER_KEY, "b", lease_s=LEASE_S) == Standing("b")
    await one.end(KEY, "a", Ending.FAILED, keep_s=KEEP_S)
    assert await other.look(OTHER_KEY) == Standing("b")


@pytest.mark.parametrize("ending", [Ending.FAILED, Ending.REFUSED, Ending.NOT_SHARED])
async def test_everybody_sees_how_a_flight_ended_and_then_the_next_may_lead(
    flight_stores: Workers, ending: Ending
) -> None:
    one, other = flight_stores
    await one.lead(KEY, "a", lease_s=LEASE_S)
    await one.end(KEY, "a", ending, keep_s=KEEP_S)
    assert await other.look(KEY) == Standing("a", ending)
    assert await other.lead(KEY, "b", lease_s=LEASE_S) == Standing("b")


async def test_after_a_stored_answer_nobody_leads_but_who_knows_that_it_is_of_no_use(flight_stores: Workers) -> None:
    one, other = flight_stores
    await one.lead(KEY, "a", lease_s=LEASE_S)
    await one.end(KEY, "a", Ending.STORED, keep_s=KEEP_S)
    stored = Standing("a", Ending.STORED)
    assert await other.lead(KEY, "b", lease_s=LEASE_S) == stored
    assert await other.lead(KEY, "b", lease_s=LEASE_S, past="another") == stored
    assert await other.lead(KEY, "b", lease_s=LEASE_S, past="a") == Standing("b")
    assert await one.lead(KEY, "c", lease_s=LEASE_S, past="a") == Standing("b")


async def test_how_it_ended_is_told_for_a_while_only(flight_stores: Workers) -> None:
    one, other = flight_stores
    await one.lead(KEY, "a", lease_s=LEASE_S)
    await one.end(KEY, "a", Ending.STORED, keep_s=SHORT_S)
    await asyncio.sleep(2 * SHORT_S)
    assert await other.look(KEY) is None
    assert await other.lead(KEY, "b", lease_s=LEASE_S) == Standing("b")


async def test_a_flight_that_nobody_renews_lapses_and_the_late_leader_changes_nothing(flight_stores: Workers) -> None:
    one, other = flight_stores
    await one.lead(KEY, "a", lease_s=SHORT_S)
    await asyncio.sleep(2 * SHORT_S)
    assert await other.look(KEY) is None
    assert await other.lead(KEY, "b", lease_s=LEASE_S) == Standing("b")
    assert not await one.renew(KEY, "a", lease_s=LEASE_S)
    await one.end(KEY, "a", Ending.FAILED, keep_s=KEEP_S)
    assert await other.look(KEY) == Standing("b")


async def test_a_flight_that_is_renewed_goes_on(flight_stores: Workers) -> None:
    one, other = flight_stores
    await one.lead(KEY, "a", lease_s=SHORT_S)
    assert await one.renew(KEY, "a", lease_s=LEASE_S)
    await asyncio.sleep(2 * SHORT_S)
    assert await other.lead(KEY, "b", lease_s=LEASE_S) == Standing("a")


async def test_one_that_lapsed_unseen_is_taken_up_again_by_its_leader(flight_stores: Workers) -> None:
    one, other = flight_stores
    await one.lead(KEY, "a", lease_s=SHORT_S)
    await asyncio.sleep(2 * SHORT_S)
    assert await one.renew(KEY, "a", lease_s=LEASE_S)
    assert await other.look(KEY) == Standing("a")
