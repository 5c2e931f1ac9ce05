"""Our one callback: each hook translates, asks the pipeline, and puts the answer where the host looks for it."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import ProxyException

from litellm_plugins.errors import RequestError
from litellm_plugins.proxy import ticket as tickets
from litellm_plugins.proxy.batch.wishes import is_put_off
from litellm_plugins.proxy.budgets.checks import check
from litellm_plugins.proxy.budgets.covered import coverage_of
from litellm_plugins.proxy.budgets.refusal import BudgetRefusal
from litellm_plugins.proxy.budgets.tariff import MCP_TOOL
from litellm_plugins.proxy.cache.host_judge import host_router
from litellm_plugins.proxy.calls.log import PASSED_THROUGH
from litellm_plugins.proxy.calls.telling import annotate, response_headers, told_to_langfuse
from litellm_plugins.proxy.compression.replaced import undone
from litellm_plugins.proxy.host.conversion import feature_of, to_request
from litellm_plugins.proxy.host.deployment import deployment_of
from litellm_plugins.proxy.host.provider_chunks import carried_on, told_again
from litellm_plugins.proxy.prompts import unprompted
from litellm_plugins.proxy.refusal import Refusal
from litellm_plugins.proxy.routing.trial import Outcome, Work

if TYPE_CHECKING:
    from litellm.proxy._types import UserAPIKeyAuth

    from litellm_plugins.model import Request
    from litellm_plugins.proxy.boot import Pack
    from litellm_plugins.proxy.budgets.stage import HostBudgets

# Chat completions are delivered on every path, by the host's own look-up if not by the front route.
_DELIVERED_ELSEWHERE = "acompletion"
_BAD_CONTROLS = "invalid_cache_control"
_TOLD = "litellm_plugins_told"  # on an exception: the end of its request
_in_front: ContextVar[bool] = ContextVar("litellm_plugins_in_front", default=False)


@contextmanager
def in_front() -> Iterator[None]:
    """While the front route has the host prepare a request whose hit it would deliver."""
    token = _in_front.set(True)
    try:
        yield
    finally:
        _in_front.reset(token)


class PluginHandler(CustomLogger):
    """Registered by `callbacks: ["litellm_plugins.proxy.handler"]`. The host calls hooks by keyword: keep the names."""

    def __init__(self, pack: Pack) -> None:
        super().__init__()
        self._pack = pack

    # Must be defined on the leaf class: an inherited one is silently never called.
    async def async_pre_call_hook(
        self, user_api_key_dict: UserAPIKeyAuth, cache: Any, data: dict[str, Any], call_type: str
    ) -> None:
        """Stages 1 to 4 and what goes between: decide, and attach the decision to the request."""
        metadata = tickets.metadata_of(data)
        if self._pack.budgets is not None and _is_unseen(call_type, metadata):
            self._pack.budgets.pass_through(data, user_api_key_dict, feature_of(data))
        if call_type == PASSED_THROUGH:  # its body goes to the provider as it is: nothing of ours may lie in it
            return
        if self._pack.admission is not None:
            await self._pack.admission.check(data, user_api_key_dict, call_type)
        if metadata is None:  # nothing of the host's travels with this request, so neither can a decision
            return
        before = undone(tickets.find(data), data)
        unprompted(before, data)
        request = self._understood(data, user_api_key_dict, call_type)
        if not isinstance(data.get("cache"), Mapping):
            data.pop("cache", None)  # a null, or another endpoint's nonsense: the host's cache logic breaks on it
        data.pop("caching", None)  # with it the host would ask a provider for what is a hit, and so free
        ticket = tickets.attach(metadata, await self._pack.pipeline.before_call(request))
        self._pack.calls.begun(ticket, data, before)
        if self._pack.admission is not None:
            self._pack.admission.prepare(data, user_api_key_dict, call_type)
        await self._shape(ticket, data)
        if self._pack.batch is not None:
            self._pack.batch.consider(ticket, data, user_api_key_dict, is_in_front=_in_front.get())
        await self._afford(ticket, before, data, user_api_key_dict, metadata)
        self._prepared(ticket, data)

    async def _afford(
        self,
        ticket: tickets.Ticket,
        before: tickets.Ticket | None,
        data: dict[str, Any],
        auth: UserAPIKeyAuth,
        metadata: MutableMapping[str, Any],
    ) -> None:
        """Stage 4, and with it whether it is answered later. Raises: ProxyException."""
        if self._pack.budgets is not None:
            if before is not None and before.held is not None:  # the host prepares a request anew for a fallback
                await self._pack.budgets.released(before.held)
            try:
                await self._reserve(self._pack.budgets, ticket, data, auth, metadata)
            except BudgetRefusal:
                if self._pack.batch is not None:
                    self._pack.batch.no_room(ticket)
                raise
        if self._pack.batch is not None:
            self._pack.batch.decided(ticket)

    def _prepared(self, ticket: tickets.Ticket, data: dict[str, Any]) -> None:
        """Tell what was done to it, once a budget has had its say."""
        if self._pack.history is not None and not _is_answered(ticket, data):
            self._pack.history.tell(ticket)
        if self._pack.output is not None:
            self._pack.output.tell(ticket, data)

    def _understood(self, data: dict[str, Any], auth: UserAPIKeyAuth, call_type: str) -> Request:
        """The request as the client sent it. Raises: ProxyException."""
        try:
            request = to_request(
                data,
                auth,
                call_type=call_type,
                router=host_router(),
                deliverable=call_type == _DELIVERED_ELSEWHERE or _in_front.get(),
            )
        except RequestError as exc:
            raise _client_error(exc) from exc
        if self._pack.output is not None:
            request = self._pack.output.before_lookup(request, data)
        if self._pack.prompts is not None:
            is_routed = self._pack.routing is not None and self._pack.routing.routes(request)
            request = self._pack.prompts.before_lookup(request, data, is_routed=is_routed)
        return request if self._pack.routing is None else self._pack.routing.before_lookup(request, data)

    async def _shape(self, ticket: tickets.Ticket, data: dict[str, Any]) -> None:
        """Stages 6 and 5: where it is sent, in which words, how long its answer may be, and its marks.

        Raises: Refusal where it cannot get its system prompt; nothing else does.
        """
        if self._pack.routing is not None and not _is_answered(ticket, data):
            await self._pack.routing.route(ticket, data)
        if self._pack.prompts is not None and not _is_answered(ticket, data):
            self._pack.prompts.apply(ticket, data)
        if self._pack.history is not None and not _is_answered(ticket, data):
            await self._pack.history.shorten(ticket, data)
        if self._pack.compression is not None and not _is_answered(ticket, data):
            await self._pack.compression.compress(ticket, data)
        if self._pack.output is not None and not _is_answered(ticket, data):
            self._pack.output.apply(ticket, data, is_in_front=_in_front.get())
        if self._pack.prompt_caching is not None and not _is_answered(ticket, data):
            await self._pack.prompt_caching.mark(ticket, data)
        if self._pack.history is not None:
            self._pack.history.settle(ticket, data)
        if self._pack.compression is not None:
            self._pack.compression.tell(ticket, data)

    async def _reserve(
        self,
        budgets: HostBudgets,
        ticket: tickets.Ticket,
        data: dict[str, Any],
        auth: UserAPIKeyAuth,
        metadata: MutableMapping[str, Any],
    ) -> None:
        """Stage 4. A hit costs nothing. Raises: ProxyException, most often a BudgetRefusal."""
        decision, routing = ticket.decision, self._pack.routing
        if coverage_of(decision.request.endpoint) == "free":
            return
        check(data, decision.request.endpoint)
        if decision.request.endpoint == MCP_TOOL:
            tickets.pass_on(ticket, data)
        if _is_answered(ticket, data):
            ticket.unheld = budgets.unreserved.hit(str(ticket), decision.request, data, auth, decision.own)
            return
        with decision.steps.measured("reserve"):
            lowered = partial(routing.lowered, ticket) if routing is not None else _as_it_is
            later = None if ticket.put_off is None else ticket.put_off.later
            held = await budgets.admit(str(ticket), decision.request, data, auth, decision.own, lowered, later)
        ticket.held = held
        if routing is not None:
            routing.tell_lowered(ticket, str(data.get("model") or ""), data)
        if held.laxer is not None and _is_delivered(decision.request.endpoint, data):
            again = await self._pack.pipeline.look_again(decision, held.laxer)
            if again is not None:
                ticket.decision = again
                await budgets.answered_by_cache(held)
        try:
            budgets.tell(held)
        except ProxyException:  # refused: no deployment will be asked, where the notes are written otherwise
            annotate(self._pack, ticket, metadata, data)
            raise

    async def async_pre_call_deployment_hook(self, kwargs: dict[str, Any], call_type: Any) -> None:
        """Write the trace notes, now that tags can no longer sway the choice of a deployment."""
        ticket = tickets.find(kwargs)
        metadata, kind = tickets.metadata_of(kwargs), str(getattr(call_type, "value", call_type))
        if ticket is not None:
            self._pack.pipeline.calling(ticket.decision)
            self._pack.calls.asked(ticket, kwargs, kind)
            if self._pack.prompt_caching is not None:
                self._pack.prompt_caching.at_deployment(ticket, kwargs)
        if ticket is not None and metadata is not None:
            annotate(self._pack, ticket, metadata, kwargs)
            if ticket.decision.request.endpoint != "chat":
                ticket.deployment = deployment_of(kwargs, metadata)
        if self._pack.budgets is not None:
            if ticket is None:
                self._pack.budgets.searches.begun(kwargs, kind)
            elif metadata is not None and ticket.held is not None:
                await self._pack.budgets.at_deployment(ticket.held, kwargs, metadata, kind)

    def log_pre_api_call(self, model: Any, messages: Any, kwargs: dict[str, Any]) -> None:
        """A provider is being asked. One client request may ask several times: tools that the host carries out."""
        ticket = None if self._pack.budgets is None else tickets.find(kwargs)
        if ticket is not None and ticket.held is not None and self._pack.budgets is not None:
            self._pack.budgets.asked(ticket.held)

    def log_post_api_call(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        """A provider has answered, not streamed."""
        ticket = None if self._pack.budgets is None else tickets.find(kwargs)
        if ticket is not None and ticket.held is not None and self._pack.budgets is not None:
            self._pack.budgets.heard_from(ticket.held, kwargs.get("original_response"))

    async def async_post_call_success_deployment_hook(
        self, request_data: dict[str, Any], response: Any, call_type: Any
    ) -> None:
        """A deployment has answered, not streamed: what it cost is about to be logged, whatever happens to it then."""
        ticket = tickets.find(request_data)
        if ticket is not None and ticket.call is not None:
            ticket.call.answered = True
        if ticket is not None and ticket.held is not None and self._pack.budgets is not None:
            await self._pack.budgets.answered(ticket.held, response)

    async def async_post_call_failure_deployment_hook(
        self, request_data: Any, exception: Exception, call_type: Any, fallback_depth: int | None = None
    ) -> None:
        """A deployment has failed; perhaps another try follows."""
        ticket = tickets.find(request_data)
        if ticket is not None:
            self._pack.calls.attempt_failed(ticket, exception)
        if ticket is not None and ticket.held is not None and self._pack.budgets is not None:
            self._pack.budgets.attempt_failed(ticket.held, exception)

    async def async_post_call_failure_hook(
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        user_api_key_dict: UserAPIKeyAuth,
        traceback_str: str | None = None,
    ) -> None:
        """The request has failed, after all retries and fallbacks."""
        ticket = tickets.find(request_data)
        if ticket is not None and ticket.held is not None and self._pack.budgets is not None:
            streamed = ticket.decision.request.stream and ticket.streams
            with ticket.decision.steps.measured("settle"):
                fault = original_exception
                await self._pack.budgets.failed(ticket.held, request_data, streamed=streamed, fault=fault)
        if ticket is not None:
            await _if_served(ticket, partial(self._failed, ticket, request_data, original_exception))
        else:
            stands = hasattr(original_exception, _TOLD)
            self._pack.calls.refused(request_data, user_api_key_dict, original_exception, stands=stands)
            setattr(original_exception, _TOLD, True)

    async def _failed(
        self, ticket: tickets.Ticket, request_data: dict[str, Any], exception: Exception, outcome: Outcome
    ) -> None:
        if outcome is Outcome.DROPPED:
            self._pack.calls.tried_in_vain(ticket, request_data)
        else:
            self._pack.pipeline.call_failed(ticket.decision)
            await self._pack.calls.failed(ticket, request_data, exception)
            told_to_langfuse(
                self._pack,
                ticket,
                {**_of_latest(ticket), "litellm_params": request_data},
                error=type(exception).__name__,
            )

    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """The host is done with the call: its answer is complete, or its client has left a stream."""
        ticket = tickets.find(kwargs)
        if ticket is not None and is_put_off(ticket):
            told_to_langfuse(self._pack, ticket, kwargs)  # of the 202: its answer comes later, and past the host
            return
        if ticket is not None and ticket.call is not None:  # before anything waits: its end may be told meanwhile
            ticket.call.said.answer(kwargs)
        if ticket is not None and self._pack.prompt_caching is not None:
            self._pack.prompt_caching.over(ticket, kwargs)
        if ticket is not None and ticket.held is not None and self._pack.budgets is not None:
            with ticket.decision.steps.measured("settle"):
                await self._pack.budgets.succeeded(ticket.held, kwargs)
        elif ticket is not None and ticket.unheld is not None:
            ticket.unheld(kwargs)
        if ticket is not None:
            await _if_served(ticket, partial(self._succeeded, ticket, kwargs))
        elif kwargs.get("call_type") == PASSED_THROUGH:
            self._pack.calls.passed_through(kwargs)
        elif self._pack.budgets is not None:
            self._pack.budgets.searches.found(kwargs)

    async def _succeeded(self, ticket: tickets.Ticket, kwargs: dict[str, Any], outcome: Outcome) -> None:
        if outcome is Outcome.DROPPED:
            await self._pack.calls.tried(ticket, kwargs)
            return
        self._pack.pipeline.call_over(ticket.decision)
        await self._pack.calls.succeeded(ticket, kwargs)
        told_to_langfuse(self._pack, ticket, kwargs)
        if self._pack.review is not None:
            self._pack.review.recorder.answered(ticket, kwargs)

    async def async_log_failure_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """A call has failed, or its stream has broken; perhaps another try follows."""
        ticket = tickets.find(kwargs)
        if ticket is not None:
            error = type(kwargs.get("exception")).__name__
            tell = partial(told_to_langfuse, self._pack, ticket, kwargs, error=error)
            self._pack.calls.fault_logged(ticket, kwargs, tell)

    async def async_post_call_response_headers_hook(
        self,
        data: dict[str, Any],
        user_api_key_dict: UserAPIKeyAuth,
        response: Any,
        request_headers: dict[str, str] | None = None,
        litellm_call_info: dict[str, Any] | None = None,
    ) -> dict[str, str] | None:
        """Tell the decision in the response headers."""
        ticket = tickets.find(data)
        call = None if ticket is None else ticket.call
        if call is not None and response is not None:
            call.answered = True
        if ticket is not None and ticket.decision.request.stream and response is not None:
            ticket.streams = True
            with suppress(TypeError):  # of what cannot be referred to so
                ticket.source = weakref.ref(response)  # which knows the ticket: no ring that would keep both
            if ticket.decision.request.endpoint != "chat":
                ticket.stream = response
                if ticket.held is not None and self._pack.budgets is not None:
                    await self._pack.budgets.made_up(ticket.held, told_again(response))
            elif isinstance(chunks := getattr(response, "chunks", None), list):
                ticket.chunks = chunks  # the host fills it as the stream goes by
                made = carried_on(response) if ticket.held is not None and _has_mcp_tools(data) else None
                if ticket.held is not None and made is not None:
                    ticket.held.stream, ticket.chunks = made, made.stream_wrapper.chunks
            if call is not None:
                call.streams, call.held = True, ticket.held
                call.heard.streams, call.heard.chunks = True, ticket.chunks
        if not self._pack.settings.telemetry.headers:
            return None
        return None if ticket is None else response_headers(ticket, budgets=self._pack.budgets is not None)


def _is_unseen(call_type: str, metadata: object) -> bool:
    """Whether nobody would say what it costs, or there would be no decision on it that could be told."""
    coverage = coverage_of(call_type)
    return coverage == "none" or (coverage != "free" and metadata is None)


def _of_latest(ticket: tickets.Ticket) -> Mapping[str, Any]:
    """What a trace tells of the call that was made last, where that has failed: the hook of that does not say it."""
    latest = {} if ticket.call is None else ticket.call.said.latest
    return {name: latest[name] for name in ("call_type", "model", "standard_callback_dynamic_params") if name in latest}


async def _if_served(ticket: tickets.Ticket, work: Work) -> None:
    """Now, unless it is still to be judged whether this answer is served."""
    if ticket.trial is None or ticket.trial.outcome is not None:
        await work(Outcome.SERVED if ticket.trial is None or ticket.trial.outcome is None else ticket.trial.outcome)
    else:
        ticket.trial.when_known(work)


def _is_answered(ticket: tickets.Ticket, data: Mapping[str, Any]) -> bool:
    """Whether it is a hit, and nothing else will be asked."""
    decision = ticket.decision
    return decision.verdict.is_hit and _is_delivered(decision.request.endpoint, data)


def _as_it_is(model: str) -> str:
    return model


def _has_mcp_tools(data: Mapping[str, Any]) -> bool:
    tools = data.get("tools")
    return isinstance(tools, list) and any(isinstance(tool, Mapping) and tool.get("type") == "mcp" for tool in tools)


def _is_delivered(endpoint: str, data: Mapping[str, Any]) -> bool:
    """Whether the hit is all that there will be: a model that only a wildcard knows is asked all the same."""
    router = host_router()
    return endpoint == "chat" or (router is not None and data.get("model") in router.model_names)


def _client_error(exc: RequestError) -> ProxyException:
    return Refusal(
        _BAD_CONTROLS,
        message=str(exc),
        type=exc.code,
        param=exc.param,
        code=exc.http_status,
        openai_code=_BAD_CONTROLS,
    )
