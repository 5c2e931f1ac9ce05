"""The stages in their order, and that no fault of ours ever reaches a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

import pytest

from litellm_plugins.cache.checks import Check
from litellm_plugins.cache.layers import CacheLayers
from litellm_plugins.cache.staleness import Monitor
from litellm_plugins.model import CacheControls, Identity, Layer, Outcome, Reason
from litellm_plugins.pipeline import Decision, Pipeline, tells_checks
from litellm_plugins.settings import Policies, parse
from litellm_plugins.telemetry.events import (
    AnswerHandled,
    CacheChecked,
    CacheDecided,
    Event,
    StageFailed,
    StalenessMeasured,
    Telemetry,
)
from tests.unit.cache.builders import TEAM, answer, chat, reply
from tests.unit.cache.fakes import Clock, FakeEmbedder, FakeStore

T = TypeVar("T")
EXACTLY = {"volatility": {"faq": {"jitter": 0}}}


class Told:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]


@dataclass
class Run:
    """A pipeline with everything around it in a test's hands; each look at the timer costs 1/512 s."""

    block: dict[str, Any] = field(default_factory=lambda: {"cache": {"enabled": True, "semantic": {"threshold": 0.92}}})
    store: FakeStore = field(default_factory=FakeStore)
    embedder: FakeEmbedder = field(default_factory=lambda: FakeEmbedder(lost=0.0, gone=14.0))
    told: Told = field(default_factory=Told)

    def __post_init__(self) -> None:
        ticks = count()
        self.pipeline = Pipeline(
            policies=Policies(parse(self.block)),
            cache=CacheLayers(store=self.store, embedder=self.embedder, clock=Clock()),
            telemetry=Telemetry([self.told]),
            timer=lambda: next(ticks) / 512,
        )


@pytest.fixture
def run() -> Run:
    return Run()


async def test_an_answer_given_once_is_a_hit_the_second_time(run: Run) -> None:
    """Look up, store, look up."""
    first = await run.pipeline.before_call(chat("lost"))
    assert (first.event.layer, first.event.reason) == (Layer.MISS, Reason.EMPTY)
    await run.pipeline.after_call(first, reply())
    second = await run.pipeline.before_call(chat("lost"))
    assert second.verdict.is_hit
    assert (second.event.layer, second.event.reason) == (Layer.EXACT, Reason.SAME_REQUEST)


async def test_the_event_of_a_hit_says_who_asked_what_was_saved_and_how_long_it_took(run: Run) -> None:
    """Every sink tells from this alone."""
    await run.pipeline.after_call(await run.pipeline.before_call(chat("lost")), reply())
    identity = Identity(key_id="k9", key_alias="ci", team_id="support", team_alias="Support")
    decision = await run.pipeline.before_call(chat("gone", identity=identity, stream=True))
    assert decision.verdict.entry is not None
    assert decision.event == CacheDecided(
        layer=Layer.SEMANTIC,
        reason=Reason.ABOVE_THRESHOLD,
        endpoint="chat",
        model_group="small",
        team="Support",
        key="ci",
        stream=True,
        similarity=decision.verdict.similarity,
        cache_id=decision.verdict.entry.cache_id,
        matched_question="lost",
        saved_nano_usd=1_234,
        saved_tokens=17,
        decision_ms=1_000 / 512,
        volatility="faq",
    )
    assert run.told.events[-1] == decision.event


async def test_a_miss_saves_nothing_and_a_team_without_a_name_goes_by_its_id(run: Run) -> None:
    """A hash is no name: a key without an alias stays nameless."""
    event = (await run.pipeline.before_call(chat("lost"))).event
    assert (event.saved_nano_usd, event.saved_tokens, event.cache_id) == (0, 0, None)
    assert (event.team, event.key) == ("support", "")


async def test_what_became_of_a_fresh_answer_is_told(run: Run) -> None:
    """Stored, or the reason why not."""
    given = [reply(), reply(answer("")), reply(model_group="fallback")]
    for number, one in enumerate(given):
        await run.pipeline.after_call(await run.pipeline.before_call(chat(str(number))), one)
    assert run.told.of(AnswerHandled) == [
        AnswerHandled("small", None),
        AnswerHandled("small", Reason.EMPTY_ANSWER),
        AnswerHandled("small", Reason.FALLBACK_ANSWER),
    ]


async def test_an_answer_handed_over_again_replaces_its_earlier_state_and_is_counted_once(run: Run) -> None:
    """The host hands over a stream's answer twice, the second time with its usage."""
    decision = await run.pipeline.before_call(chat("lost"))
    await run.pipeline.after_call(decision, reply(answer("first state")))
    await run.pipeline.after_call(decision, reply(answer("last state")), again=True)
    assert b"last state" in run.store.only.body
    assert run.told.of(AnswerHandled) == [AnswerHandled("small", None)]


async def test_a_failure_of_the_second_handing_over_is_told(run: Run) -> None:
    """Counting an answer once must not silence a store that broke in between."""
    decision = await run.pipeline.before_call(chat("lost"))
    await run.pipeline.after_call(decision, reply())
    run.store.broken.add("put")
    await run.pipeline.after_call(decision, reply(), again=True)
    assert [failure.reason for failure in run.told.of(StageFailed)] == ["store_busy"]


@pytest.mark.parametrize(
    "different", [{"endpoint": "images"}, {"controls": CacheControls(bypass=True)}, {"identity": Identity()}]
)
async def test_what_was_not_looked_up_is_not_stored(run: Run, different: dict[str, Any]) -> None:
    """And no event pretends that it was considered."""
    decision = await run.pipeline.before_call(chat("lost", **different))
    assert decision.event.layer == Layer.BYPASS
    await run.pipeline.after_call(decision, reply())
    assert run.store.calls == []
    assert run.told.of(AnswerHandled) == []


async def test_a_hit_is_not_stored_again(run: Run) -> None:
    """Its lifetime would never end. Nor is it counted among the fresh answers."""
    for _ in range(2):
        await run.pipeline.after_call(await run.pipeline.before_call(chat("lost")), reply())
    assert run.store.calls.count("put") == 1
    assert run.told.of(AnswerHandled) == [AnswerHandled("small", None)]


Break = Callable[[Run], None]
BREAKS: dict[str, tuple[Break, Reason, str]] = {
    "the store": (lambda run: run.store.broken.add("get"), Reason.STORE_UNAVAILABLE, "store_busy"),
    "the search": (lambda run: run.store.broken.add("nearest"), Reason.STORE_UNAVAILABLE, "store_busy"),
    "the embedder": (lambda run: setattr(run.embedder, "broken", True), Reason.EMBEDDER_UNAVAILABLE, "queue_full"),
    "something nobody thought of": (lambda run: setattr(run.store, "get", None), Reason.INTERNAL_ERROR, "TypeError"),
}


@pytest.mark.parametrize(("breaks", "reason", "detail"), BREAKS.values(), ids=BREAKS.keys())
async def test_whatever_breaks_in_a_look_up_is_a_miss_that_is_told(
    run: Run, breaks: Break, reason: Reason, detail: str
) -> None:
    """The request goes on as if the pack were absent, and a metric and a log line say so."""
    breaks(run)
    decision = await run.pipeline.before_call(chat("lost"))
    assert (decision.event.layer, decision.event.reason) == (Layer.MISS, reason)
    (failure,) = run.told.of(StageFailed)
    assert (failure.stage, failure.reason) == ("lookup", str(reason))
    assert detail in failure.detail


async def test_a_store_that_cannot_write_is_told_and_breaks_nothing(run: Run) -> None:
    """The driver's own word goes to the log, so that a full disk can be told from a locked file."""
    decision = await run.pipeline.before_call(chat("lost"))
    run.store.broken.add("put")
    await run.pipeline.after_call(decision, reply())
    (failure,) = run.told.of(StageFailed)
    assert (failure.stage, failure.reason) == ("store", "store_busy")
    assert run.told.of(AnswerHandled) == [AnswerHandled("small", Reason.STORE_UNAVAILABLE)]


async def test_an_answer_that_cannot_be_written_down_is_told_and_breaks_nothing(run: Run) -> None:
    """A body that is no JSON."""
    decision = await run.pipeline.before_call(chat("lost"))
    await run.pipeline.after_call(decision, reply(answer("x", extra=object())))
    (failure,) = run.told.of(StageFailed)
    assert (failure.stage, failure.reason) == ("store", "internal_error")
    assert run.told.of(AnswerHandled) == [AnswerHandled("small", Reason.INTERNAL_ERROR)]


async def test_overrides_that_do_not_fit_each_other_do_not_stop_a_request() -> None:
    """Each was checked on the base alone."""
    run = Run(
        block={
            "cache": {"enabled": True},
            "per_model": {"small": {"cache": {"max_ttl_s": 4_000}}},
            "per_team": {"support": {"cache": {"ttl_s": 10_000}}},
        }
    )
    decision = await run.pipeline.before_call(chat("lost", identity=TEAM))
    assert isinstance(decision, Decision)
    assert not run.told.of(StageFailed)


async def test_the_policy_of_the_one_who_asks_is_in_force() -> None:
    """Also for the storing: it rides on the decision."""
    run = Run(block={"cache": {"enabled": True}, "per_team": {"support": {"cache": {"ttl_s": 5, **EXACTLY}}}})
    decision = await run.pipeline.before_call(chat("lost"))
    assert decision.policy.ttl_s == 5
    await run.pipeline.after_call(decision, reply())
    assert run.store.only.expires_at - run.store.only.created_at == 5


async def test_a_request_that_is_none_of_ours_is_told_with_its_reason(run: Run) -> None:
    """Images and embeddings pass through, and somebody may wonder why they are never cached."""
    request = chat(endpoint="aimage_generation", model_group="dall-e", messages=())
    event = (await run.pipeline.before_call(request)).event
    assert run.told.events == [event]
    assert (event.layer, event.reason) == (Layer.BYPASS, Reason.UNSUPPORTED_ENDPOINT)
    assert (event.endpoint, event.model_group) == ("aimage_generation", "dall-e")


async def test_closing_the_pipeline_closes_what_it_holds(run: Run) -> None:
    """One call from the host's shutdown."""
    await run.pipeline.aclose()
    assert (run.store.closed, run.embedder.closed) == (1, 1)


async def test_checks_and_the_alarm_are_told_as_they_come(run: Run) -> None:
    """What the cache hands over goes to every sink, and rings once it is often enough wrong."""
    tell = tells_checks(Telemetry([run.told]), Monitor(0.5))
    check = Check(1.0, Layer.EXACT, Reason.RECHECK, Outcome.WRONG, 4.0, "small", "support", 1.0)
    for _ in range(21):
        tell(check)
    assert len(run.told.of(CacheChecked)) == 21
    assert [(each.ringing, each.changed) for each in run.told.of(StalenessMeasured)] == [(True, True), (True, False)]


async def test_what_was_withheld_is_told_with_the_decision(run: Run) -> None:
    run.block["cache"]["shadow"] = True
    shadowed = Run(run.block, run.store, run.embedder)
    await shadowed.pipeline.after_call(await shadowed.pipeline.before_call(chat("lost")), reply())
    second = await shadowed.pipeline.before_call(chat("lost"))
    assert (second.event.layer, second.event.reason, second.event.would) == (Layer.MISS, Reason.SHADOW, Layer.EXACT)
    assert second.event.cache_id is None
    await shadowed.pipeline.after_call(second, reply())
    assert [each.refusal for each in shadowed.told.of(AnswerHandled)] == [None, Reason.SHADOW]
