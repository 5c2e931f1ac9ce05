"""The end of each client request, told once, on every way out of the host.

The host's hooks say what happened, some more than once and some not at all (docs/metrics.md, "When a request is over"):
whichever comes first that is an end counts. What no hook reports is told when the request is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from litellm_plugins.budgets.amounts import NOTHING, Amounts
from litellm_plugins.proxy.budgets import costs
from litellm_plugins.proxy.budgets.further import logged_by
from litellm_plugins.proxy.budgets.streams import overhear
from litellm_plugins.proxy.calls import events
from litellm_plugins.proxy.calls.call import Call, Fault
from litellm_plugins.proxy.calls.faults import fault_of
from litellm_plugins.proxy.calls.log import Logged, as_paid, of_failure, of_success, with_tried
from litellm_plugins.proxy.host.conversion import endpoint_of
from litellm_plugins.proxy.host.provider_chunks import is_finished
from litellm_plugins.proxy.refusal import reason_of
from litellm_plugins.proxy.routing.trial import Outcome
from litellm_plugins.telemetry.events import OwnSpent

if TYPE_CHECKING:
    from litellm.proxy._types import UserAPIKeyAuth
    from starlette.responses import StreamingResponse

    from litellm_plugins.proxy.budgets.held import Held
    from litellm_plugins.proxy.budgets.stage import HostBudgets
    from litellm_plugins.proxy.calls.costs import CallCosts
    from litellm_plugins.proxy.ticket import Ticket
    from litellm_plugins.telemetry.events import Telemetry

_CLIENT_LEFT = 499  # the host's status where `cancel_on_disconnect` is on
_SETTLED_WITHIN_S, _LOOKED_EVERY_S = 5.0, 0.05
_AT_LEAST_S, _LAST_ONES_S = 0.5, 1.0  # of closing: for what is still told, and for telling the rest
_ENDS = (b"[DONE]", b"message_stop", b"response.completed", b"response.incomplete", b"response.failed")


class Calls:
    """One for all requests of a worker."""

    def __init__(self, telemetry: Telemetry, costs: CallCosts, *, clock: Callable[[], float] = time.time) -> None:
        self._telemetry, self._costs, self._clock = telemetry, costs, clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: weakref.WeakSet[Call] = weakref.WeakSet()
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps weak references only

    async def aclose(self, *, until: float, is_logging: Callable[[], bool] = lambda: False) -> None:
        """Have the ends of the last requests told: by whoever will report them until then, and else as they stand.

        `until` is of `time.monotonic()`; `is_logging` says whether the host has still reports to make.
        """
        until = max(until, time.monotonic() + _AT_LEAST_S)
        while time.monotonic() < until and (self._open or self._tasks or is_logging()):  # noqa: ASYNC110
            await asyncio.sleep(_LOOKED_EVERY_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_ONES_S):
                for call in list(self._open):
                    call.was_waited_for = True  # nobody will be there to wait for its other calls
                    self.answered(call)
                    if not call.over:
                        await self._gone(call, within_s=0.0)

    # On its way

    def begun(self, ticket: Ticket, data: Mapping[str, Any], before: Ticket | None) -> None:
        """A request was decided on. `before`: its ticket, where the host had prepared it already."""
        self._loop = asyncio.get_running_loop()
        if before is not None and before.call is not None:
            before.call.again(ticket.decision)
            ticket.call = before.call
            return
        ticket.call = Call(
            ticket.decision,
            call_id=str(data.get("litellm_call_id") or ""),
            trace_id=str(getattr(data.get("litellm_logging_obj"), "litellm_trace_id", None) or ""),
            at_s=self._clock(),
            lost=self._was_lost,
        )
        self._open.add(ticket.call)

    def asked(self, ticket: Ticket, kwargs: Mapping[str, Any], call_type: str) -> None:
        """A deployment is about to be asked; where the host translates, it says so of the translation as well."""
        call = ticket.call
        if call is not None:
            if not call.attempts or endpoint_of(call_type) == call.decision.request.endpoint:
                call.attempts += 1
            call.kwargs, call.compressed, call.history = kwargs, ticket.compressed, ticket.history
            call.said.asked(kwargs)

    def attempt_failed(self, ticket: Ticket, exception: BaseException) -> None:
        """One try is given up, and perhaps another follows."""
        call = ticket.call
        if call is not None and ticket.held is None and costs.was_read(exception):
            listing = self._costs.listing(call)
            if listing is not None:
                call.left_at.append(listing)

    def fault_logged(self, ticket: Ticket, kwargs: Mapping[str, Any], tell: Callable[[], None]) -> None:
        """The host logs a try as failed. `tell` is called where no hook says of the request that it has."""
        call = ticket.call
        if call is None:
            return
        call.said.error(kwargs)
        call.fault = Fault(call.attempts, kwargs.get("exception"), tell)
        if call.over:
            tell()

    def answering(self, ticket: Ticket | None) -> Call | None:
        """The front route takes it from here to `answered`, and no end is told before that."""
        if ticket is not None and ticket.call is not None:
            ticket.call.answering = True
            return ticket.call
        return None

    @staticmethod
    def wants_usage(call: Call | None, wants: bool) -> None:
        """Whether its client asks to be told in its stream what it used."""
        if call is not None:
            call.wants_usage = wants

    def answered(self, call: Call | None) -> None:
        """The front route has handed its answer on."""
        if call is not None:
            call.answering = False
            if call.end is not None:
                call.end()

    def overhear(self, ticket: Ticket, response: StreamingResponse, budgets: HostBudgets | None) -> None:
        """Listen to a stream of the host's, whether or not it goes to the client."""
        call = ticket.call
        over = (lambda: None) if call is None else partial(self._over, ticket, call)
        held = ticket.held if ticket.held is None or call is None or not call.hears_latest else ticket.held.latest
        if ticket.held is not None and held is not None and budgets is not None:
            budgets.overhear(ticket.held, held, response, ticket.stream, over)
        elif call is not None:
            overhear(response, ticket.stream, call.heard, over)

    def follow(self, ticket: Ticket, response: StreamingResponse) -> None:
        """Listen whether its client stays to the end of the stream."""
        if ticket.call is not None:
            response.body_iterator = self._followed(response.body_iterator, ticket.call)

    def _over(self, ticket: Ticket, call: Call) -> None:
        if ticket.trial is None:
            self.unreported(call)
        else:
            ticket.trial.when_known(partial(self._over_if_served, call))

    async def _over_if_served(self, call: Call, outcome: Outcome) -> None:
        if outcome is not Outcome.DROPPED:
            self.unreported(call)

    def dropped(self, ticket: Ticket) -> None:
        """An answer to it is not served, and will cost all the same: what, is told to `tried` or `tried_in_vain`."""
        if ticket.call is not None:
            ticket.call.awaited.add(str(ticket))

    async def tried(self, ticket: Ticket, kwargs: Mapping[str, Any]) -> None:
        """The host logs such an answer as a success."""
        call, paid, log = ticket.call, costs.of_success(kwargs, None), of_success(kwargs)
        if call is None or call.over:
            return
        if ticket.held is None:
            call.before += paid
        else:
            held, heard = logged_by(ticket.held, kwargs), None
            paid = held.paid or paid
            is_more = paid.tokens > log.prompt_tokens + log.completion_tokens
            if ticket.streams and (is_more or held.heard.counting is not None):
                heard = await held.heard.tokens(held.tokenizer)
            log = as_paid(log, paid.tokens, heard)
        call.tried.append(log)
        call.awaited.discard(str(ticket))

    def tried_in_vain(self, ticket: Ticket, request_data: Mapping[str, Any]) -> None:
        """It has failed, or a stream of it broke off."""
        call = ticket.call
        if call is not None and not call.over:
            if ticket.held is None:
                call.before += costs.of_failure(request_data, None, streamed=ticket.streams)
            call.tried.append(of_failure(request_data))
            call.awaited.discard(str(ticket))

    async def _followed(self, chunks: Any, call: Call) -> AsyncIterator[Any]:
        """What goes out to the client: until that is over, nobody can say whether the client stayed."""
        call.answering, last = True, deque[Any](maxlen=2)
        try:
            async for chunk in chunks:
                last.append(chunk)
                yield chunk
        except (asyncio.CancelledError, GeneratorExit):
            call.gone = not _is_end(last)  # many hang up on the last event
            raise
        finally:
            with contextlib.suppress(AttributeError):
                await chunks.aclose()
            self.answered(call)

    # Its end

    def hit(self, ticket: Ticket) -> None:
        """The front route has delivered a hit."""
        if ticket.call is not None:
            _is_of(ticket.call, ticket)
            self._end(ticket.call, "success", NOTHING, Logged(cache_hit=True, ended_s=self._clock()))

    def put_off(self, ticket: Ticket) -> None:
        """It is answered later: whoever does that tells its end."""
        if ticket.call is not None:
            ticket.call.over = True
            self._open.discard(ticket.call)

    async def succeeded(self, ticket: Ticket, kwargs: Mapping[str, Any]) -> None:
        """The host logs it as a success; its budgets are settled."""
        call = ticket.call
        if call is None or call.over:
            return
        _is_of(call, ticket)
        log, held = of_success(kwargs), call.held
        if held is not None and call.has_asked_another:
            held = logged_by(held, kwargs)
        paid = None if held is None else held.paid
        if paid is None:
            paid = await self._costs.of_success(call, kwargs)
        log = await self._as_paid(call, log, paid)
        self._end(call, "gone" if _broke_off(call, ticket) else "success", paid, log)

    async def failed(self, ticket: Ticket, request_data: Mapping[str, Any], exception: BaseException) -> None:
        """Its client gets an error, or a stream that ends with one; its budgets are settled."""
        call = ticket.call
        if call is None or call.over:
            return
        _is_of(call, ticket)
        call.failed_as, log = _failed_as(exception, asked=call.attempts > 0), of_failure(request_data)
        streamed = ticket.streams and call.decision.request.stream
        paid = None if call.served_by is None else call.served_by.paid
        if paid is None and call.answered and not streamed:
            return  # a model has answered all the same: what it cost is about to be logged
        if paid is None and call.attempts:
            streamed = streamed and not (call.heard.is_silent and costs.was_turned_away(exception))
            paid = await self._costs.of_failure(call, request_data, streamed=streamed)
        log = await self._as_paid(call, log, paid or NOTHING)
        self._end(call, "failure", paid or NOTHING, log)

    def refused(
        self, request_data: Mapping[str, Any], auth: UserAPIKeyAuth, exception: BaseException, *, stands: bool
    ) -> None:
        """Turned away before anything was decided on it. `stands`: it was told of before."""
        if not stands and isinstance(request_data.get("proxy_server_request"), Mapping):
            failed_as = _failed_as(exception, asked=False)
            self._telemetry.emit(events.turned_away(request_data, auth, failed_as, self._clock()))

    def passed_through(self, kwargs: Mapping[str, Any]) -> None:
        """The host logs a request that went past its router, and so past us."""
        self._telemetry.emit(events.passed_through(kwargs, costs.of_success(kwargs, None), self._clock()))

    def _end(self, call: Call, ending: str, paid: Amounts, log: Logged) -> None:
        if call.over:
            return
        if call.answering:
            call.end = call.end or partial(self._end, call, ending, paid, log)
            return
        if call.is_going_on and not call.was_waited_for:
            call.answering, call.end = True, partial(self._end, call, ending, paid, log)
            self._beside(self._when_settled(call))
            return
        call.over, call.end = True, None
        self._open.discard(call)
        if call.held is not None:  # the host may have made more calls for it since
            paid = call.held.paid_in_all or paid
        paid += call.before
        if call.has_asked_another:
            log = as_paid(with_tried(log, call.tried), paid.tokens, None)
        call.paid, now = paid, self._clock()
        event = events.finished(call, ending, paid, log, now_s=now)
        call.kwargs = None
        for own in call.owns:
            own.tell_more(lambda nano_usd, for_history: self._telemetry.emit(OwnSpent(event, nano_usd, for_history)))
        self._telemetry.emit(event)
        told, call.when_over = call.when_over, []
        for tell in told:
            tell()

    async def _when_settled(self, call: Call) -> None:
        until = time.monotonic() + _SETTLED_WITHIN_S
        while call.is_going_on and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(_LOOKED_EVERY_S)
        call.was_waited_for = True
        self.answered(call)

    # What nobody reports

    def _was_lost(self, call: Call) -> None:
        """Called by the garbage collector, from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._lost_soon, call)

    def _lost_soon(self, call: Call) -> None:
        if not call.over:
            self._beside(self._gone(call))

    def unreported(self, call: Call) -> None:
        """No answer of its goes on, and perhaps nobody will report it."""
        if not call.over:
            self._beside(self._gone(call, is_lost=False))

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _gone(self, call: Call, within_s: float = _SETTLED_WITHIN_S, *, is_lost: bool = True) -> None:
        """Unless it `is_lost` its client may be there yet, and read on what the front route holds."""
        held, until = call.served_by, time.monotonic() + within_s
        while held is not None and _will_be_settled(held) and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(_LOOKED_EVERY_S)
        if call.end is not None and not is_lost:
            return  # reported after all: that is told once its client has read it, or its other calls are settled
        paid = None if held is None else held.paid
        if paid is None:
            paid = await self._costs.overheard(call) if call.streams else NOTHING
        log = await self._as_paid(call, Logged(), paid)
        if is_lost:
            call.answering = False
        is_told = not call.streams or (not is_lost and call.heard.end == "whole")
        fault = call.last_fault  # of a message that the host translates: the hook of failures is not called
        if fault is not None and fault.exception is not None and not call.gone:
            call.failed_as = call.failed_as or _failed_as(fault.exception, asked=True)
        self._end(call, "success" if call.stopped or (call.answered and is_told) else "gone", paid, log)
        if fault is not None and call.over:
            fault.tell()

    async def _as_paid(self, call: Call, log: Logged, paid: Amounts) -> Logged:
        """With the tokens that were booked, whatever the host counts."""
        is_known = call.heard.counting is None and paid.tokens <= log.prompt_tokens + log.completion_tokens
        if is_known or not call.streams:
            return as_paid(log, paid.tokens, None)
        return as_paid(log, paid.tokens, await call.heard.tokens(self._costs.tokenizer(call)))


def _is_of(call: Call, ticket: Ticket) -> None:
    """A laxer look-up may have changed the decision since."""
    call.decision, call.held = ticket.decision, ticket.held


def _will_be_settled(held: Held) -> bool:
    return not held.settled and (held.admission.reserved or held.called)


def _broke_off(call: Call, ticket: Ticket) -> bool:
    """Of a stream that the front route does not follow: for want of its end it is taken that its client left."""
    followed = call.heard.is_listened_to
    return not followed and ticket.streams and ticket.chunks is not None and not is_finished(ticket.chunks)


def _is_end(last: Iterable[Any]) -> bool:
    raw = b"".join(chunk.encode() if isinstance(chunk, str) else bytes(chunk) for chunk in last)
    return any(end in raw for end in _ENDS)


def _failed_as(exception: BaseException, *, asked: bool) -> tuple[str, str, str]:
    refused = reason_of(exception)
    if refused is not None:
        return "refused", refused, ""
    if getattr(exception, "status_code", None) == _CLIENT_LEFT:
        return "gone", "", ""
    return "failure", type(exception).__name__, fault_of(exception, asked=asked)
