"""A request that is the very same as one answered a moment ago, where no layer of the cache would serve it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from litellm_plugins.cache.layers import CacheLayers
from litellm_plugins.cache.store import Selector
from litellm_plugins.model import CacheControls, Identity, Layer, Part, Reason, Request
from litellm_plugins.pipeline import Decision, Pipeline
from litellm_plugins.settings import Policies, parse
from litellm_plugins.telemetry.events import Event, RequestsMerged, Telemetry
from tests.unit.admission.timeless import SharedFlights, now, timeless, worker
from tests.unit.cache.builders import answer, chat, reply
from tests.unit.cache.fakes import FakeEmbedder, FakeStore

WINDOW_S = 10.0
NEWS = "What is the latest news?"
LOST = "How do I reset my password?"
EXACT_OFF = {"exact": {"enabled": False}, "semantic": {"enabled": False}}
SHORT_LIVED = {"ttl_s": 2, "semantic": {"enabled": False}}
FEATURE_OFF = {"volatility": {"features": {"plain": {"cache": False}}}}
WAYS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "realtime": ({}, {"messages": ({"role": "user", "content": NEWS},)}),
    "exact_off": (EXACT_OFF, {}),
    "short_lived": (SHORT_LIVED, {}),
    "class_not_cached": (FEATURE_OFF, {"feature": "plain"}),
}


def clock() -> float:
    return 1_000_000 + now()


class Run:
    """Workers that share their stores."""

    def __init__(self, window_s: float = WINDOW_S, **cache: Any) -> None:
        self.flights, self.store = SharedFlights(), FakeStore()
        self.events: list[Event] = []
        block = {"cache": {"enabled": True, "semantic": {"threshold": 0.92}, **cache}}
        self.workers = [
            Pipeline(
                policies=Policies(parse(block)),
                cache=CacheLayers(
                    store=self.store,
                    embedder=FakeEmbedder(lost=0.0),
                    clock=clock,
                    window_s=window_s,
                ),
                telemetry=Telemetry([self]),
                coalescing=worker(self.flights, timeout_s=30),
                timer=now,
            )
            for _ in range(2)
        ]

    def record(self, event: Event) -> None:
        self.events.append(event)

    @property
    def parts(self) -> list[Part]:
        return [event.part for event in self.events if isinstance(event, RequestsMerged)]

    async def later(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        for place in [
            each for each, (entry, *_) in self.store.entries.items() if entry.expires_at <= 1_000_000 + now()
        ]:
            del self.store.entries[place]

    async def answered(self, request: Request, *, at: int = 0) -> Decision:
        """Ask for it, and have it answered where it leads."""
        decision = await self.workers[at].before_call(request)
        if not decision.verdict.is_hit:
            await self.workers[at].after_call(decision, reply())
            await asyncio.sleep(0.01)
        return decision


def asked(way: str, **different: Any) -> Request:
    return chat(LOST, **(WAYS[way][1] | different))


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_it_is_served_that_answer_in_every_worker_and_for_the_window_only(way: str) -> None:
    async def run() -> None:
        run = Run(**WAYS[way][0])
        first = await run.answered(asked(way))
        assert not first.verdict.is_hit
        await run.later(WINDOW_S - 1)
        for at in (0, 1):
            again = await run.answered(asked(way, stream=True), at=at)
            assert (again.verdict.layer, again.verdict.reason) == (Layer.COALESCED, Reason.JUST_ASKED)
            assert again.event.saved_nano_usd == 1_234
            assert again.event.cache_id
            assert again.flight is None
        await asyncio.sleep(2)
        assert not (await run.answered(asked(way))).verdict.is_hit
        assert run.parts == [Part.LED, Part.JUST_ASKED, Part.JUST_ASKED, Part.LED]

    timeless(run())


def test_who_asks_while_it_is_in_flight_waits_for_it(way: str) -> None:
    async def run() -> None:
        run = Run(**WAYS[way][0])
        leader = await run.workers[0].before_call(asked(way))
        follower = asyncio.create_task(run.workers[1].before_call(asked(way)))
        await asyncio.sleep(WINDOW_S + 1)
        await run.workers[0].after_call(leader, reply())
        followed = await follower
        assert (followed.verdict.layer, followed.verdict.reason) == (Layer.COALESCED, Reason.IN_FLIGHT)

    timeless(run())


def test_without_a_window_each_asks_for_itself() -> None:
    async def run() -> None:
        for way in ("realtime", "exact_off", "class_not_cached"):
            run = Run(window_s=0, **WAYS[way][0])
            assert [(await run.answered(asked(way))).verdict.is_hit for _ in range(2)] == [False, False]
            assert (run.parts, run.flights.led) == ([], [])

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
        {"controls": CacheControls(bypass=True)},
        {"controls": CacheControls(max_age_s=0.0)},
        {"identity": Identity()},
        {"deliverable": False},
    ],
)
def test_who_differs_or_wants_its_own_is_served_nothing_and_serves_nobody(way: str, different: dict[str, Any]) -> None:
    async def run() -> None:
        run = Run(**WAYS[way][0])
        await run.answered(asked(way))
        await run.later(3)
        assert not (await run.answered(asked(way, **different))).verdict.is_hit
        other = Run(**WAYS[way][0])
        await other.answered(asked(way, **different))
        await other.later(3)
        only_as_old = different.get("controls") == CacheControls(max_age_s=0.0)  # its own answer is like any other
        assert (await other.answered(asked(way))).verdict.is_hit is only_as_old

    timeless(run())


def test_a_personal_question_is_served_to_the_same_end_user_only() -> None:
    async def run() -> None:
        run = Run(exact={"enabled": False}, semantic={"enabled": False})

        def of(end_user: str | None) -> Request:
            return chat("Where is my order?", identity=Identity(key_id="k1", team_id="t", end_user_id=end_user))

        await run.answered(of("ana"))
        assert not (await run.answered(of("bea"))).verdict.is_hit
        assert not (await run.answered(of(None))).verdict.is_hit
        assert not (await run.answered(of(None))).verdict.is_hit
        assert (await run.answered(of("ana"))).verdict.reason is Reason.JUST_ASKED

    timeless(run())


def test_it_lives_no_longer_than_its_asker_wanted() -> None:
    async def run() -> None:
        run = Run()
        await run.answered(asked("realtime", controls=CacheControls(ttl_s=3)))
        entry = run.store.only
        assert entry.expires_at - entry.created_at == 3
        assert entry.question is None

    timeless(run())


UNKEPT: dict[str, Callable[[Run], Any]] = {
    "cut off": lambda _: reply(answer("")),
    "of a fallback": lambda _: reply(model_group="another"),
}


@pytest.mark.parametrize("unkept", UNKEPT.values(), ids=UNKEPT)
def test_an_answer_that_is_not_whole_serves_nobody(unkept: Callable[[Run], Any]) -> None:
    async def run() -> None:
        run = Run()
        decision = await run.workers[0].before_call(asked("realtime"))
        await run.workers[0].after_call(decision, unkept(run))
        await asyncio.sleep(0.01)
        assert run.store.entries == {}
        assert not (await run.answered(asked("realtime"))).verdict.is_hit

    timeless(run())


def test_what_an_administrator_removes_is_not_served() -> None:
    async def run() -> None:
        run = Run()
        await run.answered(asked("realtime", controls=CacheControls(tags=("prices",))))
        assert await run.store.remove(Selector(tag="prices")) == 1
        assert not (await run.answered(asked("realtime"))).verdict.is_hit

    timeless(run())


def test_in_shadow_nothing_is_served() -> None:
    async def run() -> None:
        run = Run(shadow=True)
        for _ in range(2):
            assert not (await run.answered(asked("realtime"))).verdict.is_hit

    timeless(run())
