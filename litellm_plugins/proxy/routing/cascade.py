"""Try, then escalate: a tier's answer is checked before its client gets it, and a dearer tier asked where it must be.

Each tier is asked as the host asks for any request, with a log of its own; what they cost is held and booked as several
calls of one request (docs/budget-calls.md). Only the answer that is served is stored, and tells the request's end.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fastapi import Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import StreamingResponse
from litellm.proxy.common_request_processing import ProxyBaseLLMRequestProcessing

from litellm_plugins.model import KeptReason
from litellm_plugins.proxy import ticket as tickets
from litellm_plugins.proxy.budgets.refusal import BudgetRefusal
from litellm_plugins.proxy.cache.storing import listen
from litellm_plugins.proxy.calls.telling import response_headers
from litellm_plugins.proxy.host.provider_chunks import is_finished
from litellm_plugins.proxy.routing.cascade_asking import Asked, empty
from litellm_plugins.proxy.routing.cascade_errors import is_error, may_pass, may_pass_with
from litellm_plugins.proxy.routing.held_stream import HeldStream
from litellm_plugins.proxy.routing.reading import wanted_of
from litellm_plugins.proxy.routing.trial import Outcome, Trial
from litellm_plugins.proxy.wire.said import said
from litellm_plugins.routing.checks import Answer, fault_of
from litellm_plugins.telemetry.events import AnswerChecked

if TYPE_CHECKING:
    from litellm_plugins.proxy.boot import Pack
    from litellm_plugins.proxy.host.endpoints import Endpoint
    from litellm_plugins.proxy.routing.stage import Routed
    from litellm_plugins.routing.policy import Route
    from litellm_plugins.settings.cascade import Cascade

Ask = Callable[[ProxyBaseLLMRequestProcessing, Response], Awaitable[Any]]
IsGone = Callable[[], Awaitable[bool]]
_CALL_ID_HEADER = "x-litellm-call-id"
_ERROR = "error"  # told where the name of a check is


@dataclass(frozen=True, slots=True)
class _Tried:
    """A tier's answer, or its error."""

    ticket: tickets.Ticket
    result: Any
    response: Response  # whose headers go with it, where it is not streamed
    held: HeldStream | None  # where it is streamed
    raised: Exception | None = None  # what the host has raised in place of a result

    @property
    def is_error(self) -> bool:
        return self.raised is not None or is_error(self.result)


@dataclass(frozen=True, slots=True)
class _Failed:
    """A dearer tier gave no answer."""

    kept: KeptReason
    routed: Routed | None  # that tier's, where one above it may answer


async def answered(
    pack: Pack,
    endpoint: Endpoint,
    ask: Ask,
    ticket: tickets.Ticket | None,
    processing: ProxyBaseLLMRequestProcessing,
    response: Response,
    is_gone: IsGone,
) -> tuple[tickets.Ticket | None, Any]:
    """What its client gets of a request that is prepared, checked where that is set, and the ticket of its call.

    `is_gone` says whether that client has left.
    """
    cascade = None if pack.routing is None else pack.routing.cascade_of(ticket)
    if cascade is None or ticket is None:
        return ticket, await ask(processing, response)
    return await Cascaded(pack, endpoint, cascade, ask, is_gone).answer(ticket, processing, response)


class Cascaded:
    """One request on its way up."""

    def __init__(self, pack: Pack, endpoint: Endpoint, cascade: Cascade, ask: Ask, is_gone: IsGone) -> None:
        self._pack, self._endpoint, self._cascade = pack, endpoint, cascade
        self._ask, self._is_gone = ask, is_gone
        self._left = cascade.max_escalations

    async def answer(
        self, ticket: tickets.Ticket, processing: ProxyBaseLLMRequestProcessing, response: Response
    ) -> tuple[tickets.Ticket, Any]:
        """What its client gets, and the ticket of the call that gave it.

        Raises what the host does for the first, where no dearer tier has answered either.
        """
        call_id = str(processing.data.get("litellm_call_id") or "")
        asked = Asked(self._pack, self._endpoint, ticket, processing.data)
        tried = await self._tried(ticket, processing)
        while self._left > 0:
            if tried.ticket.trial is None or tried.ticket.trial.outcome is not None:
                break  # it is an error that any tier would give
            better = await self._better(tried, asked)
            if better is None:
                break
            tried = better
        if tried.raised is not None:
            raise tried.raised
        if self._pack.routing is not None and not tried.is_error:
            self._pack.routing.answered(tried.ticket)
        return tried.ticket, self._told(tried, response, call_id)

    async def _tried(self, ticket: tickets.Ticket, processing: ProxyBaseLLMRequestProcessing) -> _Tried:
        """The first answer, of which it is still open whether it is served, if it is one."""
        ticket.trial = trial = Trial()
        if ticket.routed is not None:
            ticket.routed.event = replace(ticket.routed.event, path=(ticket.routed.event.tier,))
        try:
            tried = await self._listened(ticket, processing, trial)
        except BaseException as exc:
            if isinstance(exc, Exception) and may_pass_with(exc):
                return _Tried(ticket, None, empty(), None, raised=exc)
            trial.decide(Outcome.SERVED)
            raise
        if is_error(tried.result) and not may_pass(tried.result):
            trial.decide(Outcome.SERVED)
        return tried

    async def _listened(
        self, ticket: tickets.Ticket, processing: ProxyBaseLLMRequestProcessing, trial: Trial, *, is_last: bool = False
    ) -> _Tried:
        response, held = empty(), None
        result = await self._ask(processing, response)
        if is_last and not is_error(result):
            trial.decide(Outcome.SERVED)
        if isinstance(result, StreamingResponse):
            listen(self._pack, self._endpoint, ticket, result)
            held = None if is_last or is_error(result) else HeldStream(result)
        return _Tried(ticket, result, response, held)

    async def _better(self, tried: _Tried, asked: Asked) -> _Tried | None:
        """The answer of a dearer tier; None where the one that was tried is served."""
        ticket = tried.ticket
        outcome = Outcome.SERVED if tried.is_error else Outcome.DOUBTED
        kept, fault, took_ms = KeptReason.CHECK_FAILED, "", 0.0
        route, better = None, None
        skipped: list[tuple[Routed, Route]] = []
        try:
            doubt, took_ms = await self._doubted(tried)
            fault = doubt or ""
            route = self._dearer(ticket.routed)
            if doubt is None:
                kept = KeptReason.HELD_TOO_LONG
            elif not fault:
                outcome, kept = Outcome.SERVED, KeptReason.PASSED
            elif route is None:
                kept = KeptReason.NO_DEARER
            elif await self._is_gone():
                kept = KeptReason.CLIENT_GONE
            else:
                better, kept = await self._climbed(tried, asked, route, fault, skipped)
        except Exception as exc:  # noqa: BLE001 - fail open: this is the stage's edge
            self._pack.pipeline.telemetry.broke("cascade", exc)
        finally:
            if better is None:
                self._keep(ticket, outcome, kept)
        why = "" if better is not None else str(kept)
        self._tell(ticket.routed, route, fault, why, took_ms)
        for each, further in skipped:
            self._tell(each, further, _ERROR, why, 0.0)
        if better is not None:
            await self._drop(tried)
        return better

    async def _climbed(
        self, tried: _Tried, asked: Asked, route: Route, fault: str, skipped: list[tuple[Routed, Route]]
    ) -> tuple[_Tried | None, KeptReason]:
        """The answer of the next tier that gives one. A tier that fails on the way is `skipped`, and where to."""
        before = tried.ticket.routed
        while before is not None:
            self._left -= 1
            got = await self._escalated(tried, before, asked, route, fault)
            if isinstance(got, _Tried):
                return got, KeptReason.PASSED
            before = got.routed
            further = None if self._left <= 0 else self._dearer(before)
            if before is None or further is None or await self._is_gone():
                return None, got.kept
            skipped.append((before, further))
            route, fault = further, _ERROR
        return None, KeptReason.CHECK_FAILED

    def _dearer(self, routed: Routed | None) -> Route | None:
        routing = self._pack.routing
        return None if routing is None or routed is None else routing.dearer(routed)

    async def _doubted(self, tried: _Tried) -> tuple[str | None, float]:
        """The check that it does not pass, or "", and the milliseconds that they took; None: it could not be judged."""
        if tried.is_error:
            return _ERROR, 0.0
        answer = await self._said(tried)
        if answer is None:
            return None, 0.0
        started = time.perf_counter()
        fault = self._fault(tried.ticket, answer) or ""
        return fault, (time.perf_counter() - started) * 1_000

    async def _said(self, tried: _Tried) -> Answer | None:
        """None: it is a stream that has taken too long."""
        if tried.held is None:
            return said(jsonable_encoder(tried.result))
        hold, ticket = self._cascade.hold, tried.ticket
        answer = await tried.held.read(None if hold == "answer" else hold.first_tokens, within_s=self._cascade.hold_s)
        if answer is None:
            return None
        chunks = ticket.call.heard.chunks if ticket.chunks is None and ticket.call is not None else ticket.chunks
        was_stopped = ticket.call is not None and ticket.call.heard.stopped
        if answer.whole and chunks is not None and not was_stopped and not is_finished(chunks):
            return replace(answer, ending="")  # the host made up its end
        return answer

    def _fault(self, ticket: tickets.Ticket, answer: Answer) -> str | None:
        cascade = self._cascade
        return fault_of(cascade.checks, wanted_of(ticket.decision.request), answer, doubt_from=cascade.doubt_from)

    async def _escalated(
        self, tried: _Tried, before: Routed, asked: Asked, route: Route, fault: str
    ) -> _Tried | _Failed:
        """The answer of the tier of `route`, asked in place of the one of `before`."""
        first, budgets = tried.ticket, self._pack.budgets
        ticket, data = await asked.again(before, route, fault)
        held = first.held
        # An error that the host raised leaves what is held to the next try, as for a fallback of its own.
        if held is not None and budgets is not None and (tried.raised is None or held.settled or held.latest.settled):
            budgets.left_behind(held)
        ticket.trial = trial = Trial()
        is_last = self._left <= 0 or self._dearer(ticket.routed) is None
        processing = ProxyBaseLLMRequestProcessing(data=data)
        better = None
        try:
            with nullcontext() if ticket.call is None else ticket.call.asking_another():
                better = await self._listened(ticket, processing, trial, is_last=is_last)
                if is_error(better.result):
                    raise _NoAnswer
        except Exception as exc:  # noqa: BLE001 - whatever it is, there is an answer to serve
            passes = may_pass_with(exc) if better is None else may_pass(better.result)
            trial.decide(Outcome.DROPPED)
            if first.call is not None:
                first.call.route = first.decision.request.route  # which told of the dearer tier already
            if held is not None and budgets is not None:
                await budgets.given_up(held)
            kept = KeptReason.NO_ROOM if isinstance(exc, BudgetRefusal) else KeptReason.DEARER_FAILED
            return _Failed(kept, ticket.routed if passes else None)
        except BaseException:  # the worker ends
            trial.decide(Outcome.DROPPED)
            raise
        return better

    def _keep(self, ticket: tickets.Ticket, outcome: Outcome, kept: KeptReason) -> None:
        if ticket.routed is not None:
            ticket.routed.event = replace(ticket.routed.event, kept=str(kept))
        if ticket.trial is not None:
            ticket.trial.decide(outcome)
        if outcome is Outcome.DOUBTED:
            self._pack.pipeline.call_unshared(ticket.decision)

    async def _drop(self, tried: _Tried) -> None:
        if tried.raised is None:  # else no hook tells of it
            self._pack.calls.dropped(tried.ticket)
        if tried.ticket.trial is not None:
            tried.ticket.trial.decide(Outcome.DROPPED)
        if tried.held is not None:
            await tried.held.leave()

    def _tell(self, routed: Routed | None, route: Route | None, fault: str, kept: str, took_ms: float) -> None:
        if routed is None:
            return
        event = routed.event
        to = "" if route is None else route.tier
        told = AnswerChecked(
            router=event.router,
            tier=event.tier,
            to=to,
            fault=fault,
            kept=kept,
            model_group=event.model_group,
            team=event.team,
            key=event.key,
            took_ms=took_ms,
        )
        self._pack.pipeline.telemetry.emit(told)

    def _told(self, tried: _Tried, response: Response, call_id: str) -> Any:
        """As its client gets it, with the headers that are known by now."""
        ours = self._pack.settings.telemetry.headers
        told = response_headers(tried.ticket, budgets=self._pack.budgets is not None) if ours else {}
        result = tried.held.tell() if tried.held is not None else tried.result
        headers = result.headers if isinstance(result, Response) else response.headers
        if headers is response.headers:
            headers.update(tried.response.headers)
        headers.update(told)
        if call_id and _CALL_ID_HEADER in headers:
            headers[_CALL_ID_HEADER] = call_id  # of the request, whichever call answered
        return result


class _NoAnswer(Exception):
    """There is none of the dearer tier."""
