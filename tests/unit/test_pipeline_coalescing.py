"""Stage 3 between the look-up and the call: how flights end on each way out, and what is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from litellm_plugins.cache.layers import CacheLayers
from litellm_plugins.model import CacheControls, Identity, Layer, Part, Reason
from litellm_plugins.pipeline import Decision, Pipeline
from litellm_plugins.settings import Policies, parse
from litellm_plugins.telemetry.events import CacheDecided, Event, RequestsMerged, StageFailed, Telemetry
from tests.unit.admission.timeless import SharedFlights, now, timeless, worker
from tests.unit.cache.builders import answer, chat, reply
from tests.unit.cache.fakes import Clock, FakeEmbedder, FakeStore

Asked = asyncio.Task[Decision]


@dataclass
class Run:
    """A worker's pipeline, and whatever it told."""

    block: dict[str, Any] = field(default_factory=dict)
    flights: SharedFlights = field(default_factory=SharedFlights)
    store: FakeStore = field(default_factory=FakeStore)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        block = {"cache": {"enabled": True, "semantic": {"threshold": 0.92}, **self.block}}
        self.pipeline = Pipeline(
            policies=Policies(parse(block)),
            cache=CacheLayers(store=self.store, embedder=FakeEmbedder(lost=0.0), clock=Clock()),
            telemetry=Telemetry([self]),
            coalescing=worker(self.flights, timeout_s=30),
            timer=now,
        )

    def record(self, event: Event) -> None:
        self.events.append(event)

    @property
    def parts(self) -> list[Part]:
        return [event.part for event in self.events if isinstance(event, RequestsMerged)]

    async def lead_and_follow(self, **different: Any) -> tuple[Decision, Asked]:
        """One that leads, and one that waits for it."""
        leader = await self.pipeline.before_call(chat("lost", **different))
        follower = asyncio.create_task(self.pipeline.before_call(chat("lost", **different)))
        await asyncio.sleep(1)
        assert not follower.done()
        return leader, follower


def test_a_follower_is_a_hit_that_costs_nothing_and_says_so() -> None:
    async def run() -> None:
        run = Run()
        leader, follower = await run.lead_and_follow()
        assert (leader.verdict.layer, leader.event.waited_ms) == (Layer.MISS, 0)
        await run.pipeline.after_call(leader, reply())
        followed = await follower
        assert followed.verdict.is_hit
        assert followed.flight is None
        assert followed.event == CacheDecided(
            layer=Layer.COALESCED,
            reason=Reason.IN_FLIGHT,
            endpoint="chat",
            model_group="small",
            team="support",
            similarity=1.0,
            cache_id=run.store.only.cache_id,
            saved_nano_usd=1_234,
            saved_tokens=17,
            volatility="faq",
            waited_ms=1_000,
        )
        assert run.parts == [Part.LED, Part.FOLLOWED]

    timeless(run())


def test_who_could_not_look_in_time_waits_with_those_who_wait_here_and_asks_no_store_for_others() -> None:
    """Where the store hangs, whoever else leads is its word; but who leads here is known."""

    async def run() -> None:
        run = Run({"lookup_timeout_ms": 500})
        leader = await run.pipeline.before_call(chat("lost"))
        led = list(run.flights.led)
        run.store.hanging = {"get", "nearest"}
        late = asyncio.create_task(run.pipeline.before_call(chat("lost")))
        other = await run.pipeline.before_call(chat("another"))
        assert (other.verdict.reason, other.flight) == (Reason.DEADLINE, None)
        assert (run.parts, run.flights.led) == ([Part.LED], led)
        await asyncio.sleep(1)
        assert not late.done()
        run.store.hanging = set()
        await run.pipeline.after_call(leader, reply())
        assert (await late).verdict.reason is Reason.IN_FLIGHT
        assert run.parts == [Part.LED, Part.FOLLOWED]

    timeless(run())


WAYS_OUT: dict[str, Callable[[Pipeline, Decision], None]] = {
    "refused": lambda pipeline, decision: pipeline.call_failed(decision),
    "failed": lambda pipeline, decision: (pipeline.calling(decision), pipeline.call_failed(decision))[1],
    "left": lambda pipeline, decision: (pipeline.calling(decision), pipeline.call_over(decision))[1],
}


@pytest.mark.parametrize("way_out", WAYS_OUT.values(), ids=WAYS_OUT)
def test_on_each_way_out_without_an_answer_the_next_leads(way_out: Callable[[Pipeline, Decision], None]) -> None:
    async def run() -> None:
        run = Run()
        leader, follower = await run.lead_and_follow()
        way_out(run.pipeline, leader)
        next_one = await follower
        assert (next_one.verdict.layer, next_one.flight is not None) == (Layer.MISS, True)
        assert now() <= 3
        assert run.parts == [Part.LED, Part.TAKEN_OVER]

    timeless(run())


def test_an_answer_that_cannot_be_stored_or_read_sends_the_follower_on_its_own_way() -> None:
    async def run() -> None:
        for way in ("empty", "unread", "store"):
            run = Run()
            leader, follower = await run.lead_and_follow()
            if way == "unread":
                run.pipeline.call_unshared(leader)
            else:
                run.store.broken = {"put"} if way == "store" else set()
                await run.pipeline.after_call(leader, reply(answer("" if way == "empty" else "Press it.")))
            assert (await follower).flight is None
            assert run.parts == [Part.LED, Part.ALONE]

    timeless(run())


def test_the_host_s_last_word_does_not_overtake_an_answer_that_is_being_stored() -> None:
    async def run() -> None:
        run = Run()
        leader, follower = await run.lead_and_follow()
        run.store.hanging = {"put"}
        storing = asyncio.create_task(run.pipeline.after_call(leader, reply()))
        await asyncio.sleep(0.1)
        run.pipeline.call_over(leader)
        await asyncio.sleep(10)
        assert not follower.done()
        storing.cancel()
        assert (await follower).flight is not None

    timeless(run())


@pytest.mark.parametrize(
    "different",
    [
        {"identity": Identity(key_id="k2", team_id="sales")},
        {"model_group": "large"},
        {"parameters": {"temperature": 0.5}},
        {"controls": CacheControls(namespace="v2")},
        {"controls": CacheControls(no_cache=True)},
        {"controls": CacheControls(no_store=True)},
    ],
)
def test_who_differs_or_wants_its_own_does_not_wait(different: dict[str, Any]) -> None:
    async def run() -> None:
        run = Run()
        await run.pipeline.before_call(chat("lost"))
        other = await run.pipeline.before_call(chat("lost", **different))
        assert other.verdict.layer is Layer.MISS
        assert now() == 0

    timeless(run())


def test_a_follower_that_wants_no_older_answer_than_that_takes_the_next_lead() -> None:
    async def run() -> None:
        run = Run()
        leader, follower = await run.lead_and_follow(controls=CacheControls(max_age_s=-1))
        await run.pipeline.after_call(leader, reply())
        assert (await follower).flight is not None

    timeless(run())


def test_flights_that_cannot_be_kept_cost_no_request() -> None:
    async def run() -> None:
        run = Run()
        run.flights.gone = True
        decision = await run.pipeline.before_call(chat("lost"))
        assert (decision.verdict.layer, decision.flight) == (Layer.MISS, None)
        (failed,) = [event for event in run.events if isinstance(event, StageFailed)]
        assert (failed.stage, failed.reason) == ("coalesce", "store_unreachable")

    timeless(run())


def test_a_hit_asks_no_flight() -> None:
    async def run() -> None:
        run = Run()
        await run.pipeline.after_call(await run.pipeline.before_call(chat("lost")), reply())
        looks = run.flights.looks
        assert (await run.pipeline.before_call(chat("lost"))).verdict.layer is Layer.EXACT
        await asyncio.sleep(1)
        assert run.flights.looks <= looks + 1  # the end of the first

    timeless(run())
