"""Who leads, who follows, and that nobody waits for nothing."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from litellm_plugins.admission.coalescing import MOST_FAILURES, Coalescing, Flight, Joined
from litellm_plugins.admission.flights import Ending
from litellm_plugins.model import Part
from tests.unit.admission.timeless import SharedFlights, now, timeless, worker

KEY = b"k" * 32


class Answers:
    """What leaders store, and how often it is looked for."""

    def __init__(self) -> None:
        self.stored: str | None = None
        self.looked = 0

    async def __call__(self, _was_over: bool) -> str | None:
        self.looked += 1
        return self.stored


Asked = asyncio.Task[Joined[str]]


def ask(
    at: Coalescing,
    answers: Callable[[bool], Awaitable[str | None]],
    key: bytes = KEY,
    *,
    window_s: float | None = None,
) -> Asked:
    return asyncio.create_task(at.join(key, answers, window_s=window_s))


async def led(asked: Asked) -> Flight:
    flight = (await asked).flight
    assert flight is not None
    return flight


@pytest.mark.parametrize("workers", [1, 2])
def test_of_a_hundred_one_leads_and_all_others_are_served_what_it_stored(workers: int) -> None:
    async def run() -> None:
        store, answers = SharedFlights(), Answers()
        here = [worker(store) for _ in range(workers)]
        asked = [ask(here[n % workers], answers) for n in range(100)]
        flight = await led(asked[0])
        await asyncio.sleep(2)
        answers.stored = "the answer"
        flight.end(Ending.STORED)
        told = await asyncio.gather(*asked)
        assert Counter(each.part for each in told) == {Part.LED: 1, Part.FOLLOWED: 99}
        assert {each.answer for each in told if each.flight is None} == {"the answer"}
        assert len(store.led) == 1
        assert all(2 <= each.waited_s < 2.5 for each in told if each.part is Part.FOLLOWED)

    timeless(run())


def test_in_a_worker_they_are_woken_at_once_and_elsewhere_one_looks_for_all() -> None:
    async def run() -> None:
        store, answers = SharedFlights(), Answers()
        one, other = worker(store), worker(store)
        flight = await led(ask(one, answers))
        here = [ask(one, answers) for _ in range(50)]
        there = [ask(other, answers) for _ in range(50)]
        await asyncio.sleep(4)
        answers.stored, looks = "the answer", store.looks
        assert looks < 60
        flight.end(Ending.STORED)
        assert {each.waited_s for each in await asyncio.gather(*here)} == {4.0}
        assert max(each.waited_s for each in await asyncio.gather(*there)) <= 4.5

    timeless(run())


@pytest.mark.parametrize("workers", [1, 2])
def test_within_the_window_an_answer_serves_who_comes_later_and_then_the_next_leads(workers: int) -> None:
    async def run() -> None:
        store, answers = SharedFlights(), Answers()
        here = [worker(store) for _ in range(workers)]
        flight = await led(ask(here[0], answers, window_s=10))
        answers.stored = "the answer"
        flight.end(Ending.STORED)
        await asyncio.sleep(9)
        late = await asyncio.gather(*(ask(here[n % workers], answers, window_s=10) for n in range(20)))
        assert {(each.part, each.answer) for each in late} == {(Part.JUST_ASKED, "the answer")}
        await asyncio.sleep(2)
        assert (await ask(here[-1], answers, window_s=10)).part is Part.LED

    timeless(run())


def test_different_keys_do_not_wait_for_each_other() -> None:
    async def run() -> None:
        here, answers = worker(SharedFlights()), Answers()
        told = await asyncio.gather(ask(here, answers, b"a"), ask(here, answers, b"b"))
        assert [each.part for each in told] == [Part.LED, Part.LED]
        assert now() == 0

    timeless(run())


@pytest.mark.parametrize("ending", [Ending.FAILED, Ending.REFUSED])
@pytest.mark.parametrize("workers", [1, 2])
def test_where_the_leader_fails_exactly_one_leads_next(ending: Ending, workers: int) -> None:
    async def run() -> None:
        store, answers = SharedFlights(), Answers()
        here = [worker(store) for _ in range(workers)]
        first = await led(ask(here[0], answers))
        asked = [ask(here[n % workers], answers) for n in range(20)]
        await asyncio.sleep(1)
        first.end(ending)
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(3)
        (second,) = done
        assert second.result().part is Part.TAKEN_OVER
        assert sum(each.done() for each in asked) == 1
        answers.stored = "the answer"
        (await led(second)).end(Ending.STORED)
        told = await asyncio.gather(*asked)
        assert Counter(each.part for each in told) == {Part.TAKEN_OVER: 1, Part.FOLLOWED: 19}

    timeless(run())


def test_an_answer_that_cannot_be_shared_sends_all_on_their_own_way() -> None:
    async def run() -> None:
        store, answers = SharedFlights(), Answers()
        one, other = worker(store), worker(store)
        flight = await led(ask(one, answers))
        asked = [ask(each, answers) for each in (one, other) for _ in range(5)]
        await asyncio.sleep(1)
        flight.end(Ending.NOT_SHARED)
        assert {each.part for each in await asyncio.gather(*asked)} == {Part.ALONE}
        assert now() < 2
        assert (await ask(one, answers)).part is Part.LED  # whoever comes later

    timeless(run())


def test_a_provider_that_is_down_is_not_queued_for() -> None:
    async def run() -> None:
        here, answers = worker(SharedFlights()), Answers()
        asked = [ask(here, answers) for _ in range(30)]
        failures = 0
        while not all(each.done() for each in asked):
            await asyncio.sleep(1)
            for each in asked:
                if each.done() and (flight := each.result().flight) and not flight.ended:
                    flight.asked = True
                    flight.fail()
                    failures += 1
        assert failures == MOST_FAILURES
        assert sum(each.result().part is Part.ALONE for each in asked) == 30 - MOST_FAILURES

    timeless(run())


def test_leaders_that_were_refused_prove_nothing_about_the_provider() -> None:
    async def run() -> None:
        here, answers = worker(SharedFlights()), Answers()
        asked = [ask(here, answers) for _ in range(30)]
        refused = 0
        while not all(each.done() for each in asked):
            await asyncio.sleep(0.01)
            for each in asked:
                if each.done() and (flight := each.result().flight) and not flight.ended:
                    flight.fail()
                    refused += 1
        assert refused == 30

    timeless(run())


def test_one_who_waited_long_enough_goes_on_by_itself() -> None:
    async def run() -> None:
        store, answers = SharedFlights(), Answers()
        one, other = worker(store, timeout_s=3), worker(store, timeout_s=7)
        flight = await led(ask(one, answers))
        told = await asyncio.gather(ask(one, answers), ask(other, answers))
        assert [(each.part, each.waited_s) for each in told] == [(Part.TIMED_OUT, 3.0), (Part.TIMED_OUT, 7.0)]
        assert not flight.ended

    timeless(run())


def test_a_killed_leader_is_replaced_when_its_lease_is_over_and_a_slow_one_is_not() -> None:
    async def run() -> None:
        store, answers = SharedFlights(), Answers()
        await store.lead(KEY, "killed", lease_s=5)
        next_one = await ask(worker(store), answers)
        assert next_one.part is Part.TAKEN_OVER
        assert 5 <= now() <= 5.5
        patient = ask(worker(store), answers)
        await asyncio.sleep(40)
        assert not patient.done()
        assert len(store.led) == 2
        patient.cancel()

    timeless(run())


def test_a_flight_that_nobody_holds_any_more_ends() -> None:
    """Whatever way out of the host there is that no hook tells of."""

    async def run() -> None:
        store, answers = SharedFlights(), Answers()
        here = worker(store)
        flight: Flight | None = await led(ask(here, answers))
        waiting = ask(here, answers)
        await asyncio.sleep(30)
        assert not waiting.done()
        assert flight is not None
        del flight
        gc.collect()
        assert (await waiting).part is Part.TAKEN_OVER
        assert now() < 32

    timeless(run())


def test_a_leader_whose_asker_is_cancelled_meanwhile_leaves_nobody_waiting() -> None:
    async def run() -> None:
        store, answers = SharedFlights(), Answers()
        here = worker(store)
        store.hangs = True
        first, second = ask(here, answers), ask(here, answers)
        await asyncio.sleep(1)
        store.hangs = False
        first.cancel()
        assert (await second).part is Part.TAKEN_OVER
        assert now() == 1

    timeless(run())


def test_a_look_up_that_missed_before_the_answer_was_stored_is_served_after_it() -> None:
    async def run() -> None:
        store, answers = SharedFlights(), Answers()
        one, other = worker(store), worker(store)
        (await led(ask(one, answers))).end(Ending.STORED)
        answers.stored = "the answer"
        await asyncio.sleep(10)
        assert [(await ask(each, answers)).part for each in (one, other)] == [Part.FOLLOWED, Part.FOLLOWED]
        answers.stored = None  # invalidated
        again = await ask(other, answers)
        assert (again.part, again.waited_s) == (Part.LED, 0.0)
        assert now() == 10

    timeless(run())


def test_without_the_store_everybody_goes_on_at_once_and_says_why() -> None:
    async def run() -> None:
        store, answers = SharedFlights(), Answers()
        one, other = worker(store), worker(store)
        flight = await led(ask(one, answers))
        waiting = [ask(one, answers), ask(other, answers)]
        await asyncio.sleep(1)
        store.gone = True
        told = await asyncio.wait_for(waiting[1], 1)
        assert told.part is Part.ALONE
        newcomer = await ask(other, answers)
        assert (newcomer.part, newcomer.failure and newcomer.failure.reason) == (Part.ALONE, "store_unreachable")
        answers.stored = "the answer"
        flight.end(Ending.STORED)
        assert (await waiting[0]).answer == "the answer"

    timeless(run())


def test_only_the_first_word_about_an_ending_counts() -> None:
    async def run() -> None:
        store, answers = SharedFlights(), Answers()
        here = worker(store)
        flight = await led(ask(here, answers))
        waiting = ask(here, answers)
        await asyncio.sleep(0.1)
        answers.stored = "the answer"
        flight.end(Ending.STORED)
        flight.fail()
        assert (await waiting).part is Part.FOLLOWED

    timeless(run())


@pytest.mark.parametrize("in_hand", [True, False])
def test_a_call_that_is_over_without_an_answer_fails_a_moment_later(in_hand: bool) -> None:
    async def run() -> None:
        flight = await led(ask(worker(SharedFlights()), Answers()))
        flight.fail_unless_stored(2)
        flight.in_hand = in_hand  # it was being stored: that may take a judge's time
        await asyncio.sleep(1.9)
        assert not flight.ended
        await asyncio.sleep(0.2)
        assert flight.ended is not in_hand

    timeless(run())


def test_a_worker_that_stops_leaves_its_flights_to_the_others() -> None:
    async def run() -> None:
        store, answers = SharedFlights(), Answers()
        one, other = worker(store), worker(store)
        flight = await led(ask(one, answers))
        waiting = ask(other, answers)
        await asyncio.sleep(1)
        await one.aclose()
        assert (await waiting).part is Part.TAKEN_OVER
        assert now() < 1.5
        assert flight.ended

    timeless(run())
