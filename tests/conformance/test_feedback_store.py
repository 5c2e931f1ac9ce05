"""What every store of feedback does."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from litellm_plugins.review.feedback import About, Feedback, FeedbackStore, Served, Verdict
from tests.conformance.conftest import Backend
from tests.conformance.entries import NOW

Two = tuple[FeedbackStore, FeedbackStore]


def served(number: int = 1, tenant: str = "team:support", **other: object) -> Served:
    plain = Served(f"{number:032x}", f"{number + 10_000:032x}", tenant, NOW, layer="miss", model_group="gpt-4.1")
    return replace(plain, **other)  # type: ignore[arg-type]


def feedback(number: int = 1, **other: object) -> Feedback:
    plain = Feedback(
        id=f"{number:032x}",
        about=About.TRACE,
        tenant="team:support",
        by="key-hash",
        trace_id="a" * 32,
        cache_id="",
        value=0.0,
        verdict=Verdict.DOWN,
        comment="Wrong \u2013 that was last year's price.",
        user="",
        at_s=NOW + number,
    )
    return replace(plain, **other)  # type: ignore[arg-type]


@pytest.mark.parametrize("about", [About.TRACE, About.CALL])
async def test_another_worker_finds_an_answer_by_its_trace_and_by_its_call(feedback_stores: Two, about: About) -> None:
    one, other = feedback_stores
    given = served(feature="faq", cache_id="c" * 32, layer="exact")
    await one.serve([given, served(2)])

    assert await other.find(about, getattr(given, about), "team:sales") == given


async def test_what_was_never_served_is_not_found(feedback_stores: Two) -> None:
    one, _ = feedback_stores
    await one.serve([served()])

    for about in About:
        assert await one.find(about, "f" * 32, "team:support") is None
    assert await one.find(About.CACHE, "", "team:support") is None


async def test_nobody_takes_a_trace_or_a_call_over(feedback_stores: Two) -> None:
    one, other = feedback_stores
    await one.serve([served()])
    await other.serve([served(tenant="team:sales"), served(tenant="team:sales", call_id="e" * 32)])

    for about in (About.TRACE, About.CALL):
        found = await one.find(about, getattr(served(), about), "team:sales")
        assert found is not None
        assert found.tenant == "team:support"


async def test_an_entry_is_found_as_it_was_served_last_to_whoever_asks(feedback_stores: Two) -> None:
    one, _ = feedback_stores
    entry = "c" * 32
    await one.serve([served(number, cache_id=entry) for number in (1, 2)])
    await one.serve([served(3, "team:sales", cache_id=entry)])

    assert await one.find(About.CACHE, entry, "team:support") == served(2, cache_id=entry)
    assert await one.find(About.CACHE, entry, "team:sales") == served(3, "team:sales", cache_id=entry)
    assert await one.find(About.CACHE, entry, "team:legal") == served(3, "team:sales", cache_id=entry)


async def test_an_answer_is_forgotten_after_its_time(feedback_stores: Two, backend: Backend) -> None:
    one, _ = feedback_stores
    await one.serve([served(at_s=NOW - 3_601, cache_id="c" * 32), served(2)])

    assert await one.find(About.TRACE, served().trace_id, "team:support") is None
    assert await one.find(About.CACHE, "c" * 32, "team:support") is None
    assert await one.find(About.TRACE, served(2).trace_id, "team:support") is not None


async def test_the_oldest_answers_make_room(feedback_stores: Two) -> None:
    one, _ = feedback_stores
    for number in range(1, 301):
        await one.serve([served(number, at_s=NOW + number / 1_000, cache_id=f"{number:032x}")])

    assert await one.find(About.TRACE, served(300).trace_id, "team:support") is not None
    assert await one.find(About.TRACE, served(260).trace_id, "team:support") is not None
    assert await one.find(About.TRACE, served(1).trace_id, "team:support") is None
    assert await one.find(About.CALL, served(200).call_id, "team:support") is None


async def test_what_is_said_again_takes_the_place_of_what_was_said(feedback_stores: Two) -> None:
    one, other = feedback_stores
    assert await one.put(feedback())
    better = feedback(value=0.8, verdict=None, comment="On second thought ...", at_s=NOW + 9)
    assert not await other.put(better)

    assert await one.latest(10) == [better]


async def test_two_workers_at_once_keep_one(feedback_stores: Two) -> None:
    new = await asyncio.gather(
        *(store.put(feedback(value=float(place % 2))) for place in range(20) for store in feedback_stores)
    )

    assert sum(new) == 1
    assert len(await feedback_stores[0].latest(10)) == 1


async def test_the_latest_come_first_page_by_page_and_by_team(feedback_stores: Two) -> None:
    one, _ = feedback_stores
    for number in range(1, 7):
        await one.put(feedback(number, tenant="team:sales" if number % 2 else "team:support"))

    first = await one.latest(4)
    assert [each.at_s - NOW for each in first] == [6, 5, 4, 3]
    assert [each.at_s - NOW for each in await one.latest(4, before_s=first[-1].at_s)] == [2, 1]
    assert [each.at_s - NOW for each in await one.latest(10, tenant="team:sales")] == [5, 3, 1]


async def test_a_team_that_says_much_pushes_out_its_own_only(feedback_stores: Two) -> None:
    one, other = feedback_stores
    for number in range(1, 6):
        await one.put(feedback(number))
    for number in range(100, 160):
        await (one, other)[number % 2].put(feedback(number, tenant="team:sales"))

    assert len(await one.latest(100, tenant="team:support")) == 5
    kept = [each.at_s - NOW for each in await one.latest(100, tenant="team:sales")]
    assert kept == list(range(159, 139, -1))
    assert len(await one.latest(100)) == 25


async def test_where_all_say_too_much_who_said_most_loses_its_oldest(feedback_stores: Two) -> None:
    one, other = feedback_stores
    for number in range(1, 20):
        await one.put(feedback(number))
    for number in range(100, 116):
        await other.put(feedback(number, tenant=f"team:{number % 2}"))

    assert len(await one.latest(100)) == 30
    assert [each.at_s - NOW for each in await one.latest(100, tenant="team:support")] == list(range(19, 5, -1))
    assert len(await one.latest(100, tenant="team:0")) == len(await one.latest(100, tenant="team:1")) == 8


async def test_what_an_admin_says_again_moves_to_whom_it_is_about_now(feedback_stores: Two) -> None:
    one, other = feedback_stores
    await one.put(feedback())
    await other.put(feedback(tenant="team:sales"))
    for number in range(2, 22):
        await one.put(feedback(number))

    assert await one.latest(10, tenant="team:sales") == [feedback(tenant="team:sales")]
    assert len(await one.latest(100, tenant="team:support")) == 20


async def test_the_route_of_an_answer_is_kept_with_what_is_said_of_it(feedback_stores: Two) -> None:
    one, other = feedback_stores
    await one.serve([served(route="auto/strong/trial:b")])
    found = await other.find(About.TRACE, served().trace_id, "team:support")
    assert found is not None
    await other.put(feedback(route=found.route))
    await other.put(feedback(2))

    assert [each.route for each in await one.latest(9)] == ["", "auto/strong/trial:b"]
