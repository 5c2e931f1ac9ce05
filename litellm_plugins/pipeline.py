"""The stages of a request in their order, and what happens when one fails.

Stages so far: 2 lookup, 3 coalesce, 8 store, 10 tell (numbers as in docs/architecture.md). Each later stage has its
place between them. The pipeline decides; delivering and calling providers is the host's, behind
`litellm_plugins.proxy`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from litellm_plugins.admission.flights import Ending
from litellm_plugins.cache.merging import may_be_merged
from litellm_plugins.cache.own_calls import OwnCalls, put_on
from litellm_plugins.cache.steps import Steps
from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.model import Layer, Reason, Reply, Request
from litellm_plugins.telemetry.events import (
    AnswerHandled,
    AnswersJudged,
    CacheChecked,
    CacheDecided,
    RequestsMerged,
    StageFailed,
    StalenessMeasured,
)

if TYPE_CHECKING:
    from litellm_plugins.admission.coalescing import Coalescing, Flight, Joined
    from litellm_plugins.cache.checks import Check
    from litellm_plugins.cache.judging import Judgement
    from litellm_plugins.cache.layers import CacheLayers
    from litellm_plugins.cache.reembedding import Reembedder
    from litellm_plugins.cache.staleness import Monitor
    from litellm_plugins.settings import Cache, Policies
    from litellm_plugins.telemetry.events import Telemetry


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided for one request before the model was called, and the event that tells it."""

    request: Request
    policy: Cache
    verdict: Verdict
    event: CacheDecided
    flight: Flight | None = None  # that others who ask the same wait for
    own: OwnCalls = field(default_factory=OwnCalls)  # what looking up, and learning from its answer, have cost
    steps: Steps = field(default_factory=Steps)  # how long each stage took so far


_STORED_WITHIN_S = 2.0  # after the host says that a call is over: it hands its answer over at about that time


class Pipeline:
    """One instance serves all requests of a worker."""

    def __init__(
        self,
        *,
        policies: Policies,
        cache: CacheLayers,
        telemetry: Telemetry,
        reembedder: Reembedder | None = None,
        coalescing: Coalescing | None = None,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._policies, self._cache, self._telemetry, self._timer = policies, cache, telemetry, timer
        self._reembedder, self._coalescing = reembedder, coalescing

    @property
    def telemetry(self) -> Telemetry:
        """Where its events are told."""
        return self._telemetry

    def start(self) -> None:
        """Begin what runs beside the stages. Raises: RuntimeError where no loop runs."""
        if self._reembedder is not None:
            self._reembedder.start()

    async def before_call(self, request: Request) -> Decision:
        """Stages 2 and 3. Never raises for a fault of its own: the request goes on as if the pack were absent."""
        started, own, steps = self._timer(), OwnCalls(), Steps()
        policy = self._policies.base
        try:
            policy = self._policies.cache_for(request.identity, request.model_group)
            with put_on(own), steps.stage("lookup"):
                verdict = await self._cache.look_up(request, policy)
        except Exception as exc:  # noqa: BLE001 - fail open: this is the stage's edge
            verdict = Verdict(Layer.MISS, Reason.INTERNAL_ERROR, failure=type(exc).__name__)
        if verdict.failure:
            self._telemetry.emit(StageFailed("lookup", str(verdict.reason), verdict.failure))
        joined = await self._joined(request, verdict, policy, steps)
        waited_s, flight = 0.0, None
        if joined is not None:
            waited_s, flight = joined.waited_s, joined.flight
            verdict = joined.answer or verdict
        decision_s = self._timer() - started - waited_s
        event = _event(request, verdict, decision_ms=decision_s * 1_000, waited_ms=waited_s * 1_000)
        self._telemetry.emit(event)
        return Decision(request, policy, verdict, event, flight, own, steps)

    async def _joined(self, request: Request, verdict: Verdict, policy: Cache, steps: Steps) -> Joined[Verdict] | None:
        """Stage 3: what became of asking together with others; None where that is not to be."""
        keys = verdict.keys or verdict.brief
        if self._coalescing is None or keys is None or not may_be_merged(verdict, request, policy):
            return None
        if verdict.reason is Reason.DEADLINE and not self._coalescing.is_in_flight_here(keys.exact):
            return None  # the store may hang: it is not asked who leads elsewhere

        def answered(was_over: bool) -> Awaitable[Verdict | None]:
            return self._cache.merged(verdict, request, policy, was_over=was_over)

        window_s = None if verdict.brief is None else self._cache.window_s
        try:
            with steps.measured("coalesce"):
                joined = await self._coalescing.join(keys.exact, answered, window_s=window_s)
        except Exception as exc:  # noqa: BLE001 - fail open: this is the stage's edge
            self._telemetry.broke("coalesce", exc)
            return None
        if joined.failure is not None:
            self._telemetry.emit(StageFailed("coalesce", joined.failure.reason, str(joined.failure)))
        team = request.identity.team_name
        self._telemetry.emit(RequestsMerged(joined.part, request.model_group, team, joined.waited_s * 1_000))
        return joined

    @staticmethod
    def calling(decision: Decision) -> None:
        """A provider is about to be asked."""
        if decision.flight is not None:
            decision.flight.asked = True

    @staticmethod
    def call_answered(decision: Decision) -> None:
        """There is an answer, soon to be given to `after_call`."""
        if decision.flight is not None:
            decision.flight.in_hand = True

    @staticmethod
    def call_failed(decision: Decision) -> None:
        """There will be no answer: whoever waits for it may ask."""
        if decision.flight is not None:
            decision.flight.fail()

    @staticmethod
    def call_unshared(decision: Decision) -> None:
        """There is an answer, and it cannot be kept: whoever waits for it asks for itself."""
        if decision.flight is not None:
            decision.flight.end(Ending.NOT_SHARED)

    @staticmethod
    def call_over(decision: Decision) -> None:
        """The host is done with the call; an answer may still be on its way to `after_call`."""
        if decision.flight is not None:
            decision.flight.fail_unless_stored(_STORED_WITHIN_S)

    async def look_again(self, decision: Decision, max_error_rate: float) -> Decision | None:
        """Stage 2 once more, with a laxer promise than the one that kept a match from being served.

        None: there is still none, or another rate would not change that. Never raises for a fault of its own.
        """
        semantic = decision.policy.semantic
        if (
            decision.verdict.reason is not Reason.UNSURE
            or semantic.threshold is not None
            or max_error_rate <= semantic.max_error_rate
        ):
            return None
        laxer = semantic.model_copy(update={"max_error_rate": max_error_rate})
        started, policy = self._timer(), decision.policy.model_copy(update={"semantic": laxer})
        try:
            with put_on(decision.own), decision.steps.stage("lookup"):
                verdict = await self._cache.look_up(decision.request, policy)
        except Exception as exc:  # noqa: BLE001 - fail open: this is the stage's edge
            self._telemetry.broke("lookup", exc)
            return None
        if not verdict.is_hit:
            return None
        event = _event(decision.request, verdict, decision_ms=(self._timer() - started) * 1_000, waited_ms=0.0)
        self._telemetry.emit(event)
        return replace(decision, policy=policy, verdict=verdict, event=event)

    async def after_call(self, decision: Decision, reply: Reply, *, again: bool = False) -> None:
        """Stage 8: keep the answer where it may be kept. Never raises.

        `again` says that an earlier state of the same answer was handed over before: it is replaced, and not counted.
        """
        if not decision.verdict.is_shared:
            return
        with _landing(decision.flight) as end:
            refusal = await self._kept(decision, reply, again=again, kept=lambda: end(Ending.STORED))
            end(Ending.STORED if refusal is None else Ending.NOT_SHARED)
        if not again:
            self._telemetry.emit(AnswerHandled(decision.request.model_group, refusal))

    async def _kept(self, decision: Decision, reply: Reply, *, again: bool, kept: Callable[[], None]) -> Reason | None:
        """None: it is stored; else why not."""
        try:
            with put_on(decision.own):
                return await self._cache.remember(
                    decision.verdict, decision.request, reply, decision.policy, again=again, kept=kept
                )
        except StoreUnavailable as exc:
            self._telemetry.emit(StageFailed("store", exc.reason, str(exc)))
            return Reason.STORE_UNAVAILABLE
        except Exception as exc:  # noqa: BLE001 - fail open: this is the stage's edge
            self._telemetry.broke("store", exc)
            return Reason.INTERNAL_ERROR

    async def aclose(self) -> None:
        """Stop what runs beside the stages, and close what they hold open."""
        if self._reembedder is not None:
            await self._reembedder.aclose()
        if self._coalescing is not None:
            await self._coalescing.aclose()
        await self._cache.aclose()


@contextmanager
def _landing(flight: Flight | None) -> Iterator[Callable[[Ending], None]]:
    """While an answer is being stored: says how the flight ended, which is in vain where nothing was said."""
    if flight is None:
        yield lambda _: None
        return
    flight.in_hand = True
    try:
        yield flight.end
    finally:
        flight.fail()


def _event(request: Request, verdict: Verdict, *, decision_ms: float, waited_ms: float) -> CacheDecided:
    entry = verdict.entry
    return CacheDecided(
        layer=verdict.layer,
        reason=verdict.reason,
        endpoint=request.endpoint,
        model_group=request.model_group,
        team=request.identity.team_name,
        key=request.identity.key_name,
        stream=request.stream,
        similarity=verdict.similarity,
        probability=verdict.probability,
        cache_id=entry.cache_id if entry else None,
        matched_question=verdict.matched_question,
        saved_nano_usd=entry.cost_nano_usd if entry else 0,
        saved_tokens=entry.prompt_tokens + entry.completion_tokens if entry else 0,
        decision_ms=decision_ms,
        volatility=verdict.treatment.volatility if verdict.treatment else "",
        would=verdict.withheld.layer if verdict.withheld else None,
        waited_ms=waited_ms,
    )


def tells_checks(telemetry: Telemetry, monitor: Monitor) -> Callable[[Check], None]:
    """What the cache calls with each check."""

    def tell(check: Check) -> None:
        telemetry.emit(
            CacheChecked(
                layer=check.layer,
                reason=check.reason,
                outcome=check.outcome,
                model_group=check.model_group,
                team=check.team,
                similarity=check.similarity,
                probability=check.probability,
            )
        )
        now = monitor.add(check)
        if now is not None:
            telemetry.emit(StalenessMeasured(now.layer, now.share, now.checks, now.ringing, now.changed))

    return tell


def tells_judgements(telemetry: Telemetry, model_group: str) -> Callable[[Judgement], None]:
    """What the cache calls with each case that it had, or would have had, judged by `model_group`."""

    def tell(judged: Judgement) -> None:
        telemetry.emit(AnswersJudged(judged.outcome, model_group, judged.cost_nano_usd, judged.took_s * 1_000))
        if judged.reason:
            telemetry.emit(StageFailed("judge", judged.reason, judged.detail))

    return tell
