"""Our one callback: each hook translates, asks the pipeline, and puts the answer where the host looks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import litellm
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import ProxyException

from litellm_plugins.errors import RequestError
from litellm_plugins.proxy import ticket as tickets
from litellm_plugins.proxy.conversion import to_request
from litellm_plugins.proxy.deployment import deployment_of
from litellm_plugins.telemetry.sinks.headers import headers_for
from litellm_plugins.telemetry.sinks.langfuse import notes_for

if TYPE_CHECKING:
    from litellm.proxy._types import UserAPIKeyAuth

    from litellm_plugins.proxy.boot import Pack

COST_HEADER = "x-litellm-response-cost"
# Chat completions are delivered on every path, by the host's own look-up if not by the front route.
_DELIVERED_ELSEWHERE = "acompletion"
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
        """Stages 2 and 3: decide, and attach the decision to the request."""
        metadata = tickets.metadata_of(data)
        if metadata is None:  # nothing of the host's travels with this request, so neither can a decision
            return
        from litellm.proxy import proxy_server

        try:
            request = to_request(
                data,
                user_api_key_dict,
                call_type=call_type,
                router=proxy_server.llm_router,
                deliverable=call_type == _DELIVERED_ELSEWHERE or _in_front.get(),
            )
        except RequestError as exc:
            raise _client_error(exc) from exc
        if not isinstance(data.get("cache"), Mapping):
            data.pop("cache", None)  # a null, or another endpoint's nonsense: the host's cache logic breaks on it
        tickets.attach(metadata, await self._pack.pipeline.before_call(request))

    async def async_pre_call_deployment_hook(self, kwargs: dict[str, Any], call_type: Any) -> None:
        """Write the trace notes, now that tags can no longer sway the choice of a deployment."""
        ticket = tickets.find(kwargs)
        metadata = tickets.metadata_of(kwargs)
        if ticket is not None:
            self._pack.pipeline.calling(ticket.decision)
        if ticket is not None and metadata is not None:
            annotate(self._pack, ticket, metadata)
            if ticket.decision.request.endpoint != "chat":
                ticket.deployment = deployment_of(kwargs, metadata)

    async def async_post_call_failure_hook(
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        user_api_key_dict: UserAPIKeyAuth,
        traceback_str: str | None = None,
    ) -> None:
        """The request has failed, after all retries and fallbacks."""
        ticket = tickets.find(request_data)
        if ticket is not None:
            self._pack.pipeline.call_failed(ticket.decision)

    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """The host is done with the call: its answer is complete, or its client has left a stream."""
        ticket = tickets.find(kwargs)
        if ticket is not None:
            self._pack.pipeline.call_over(ticket.decision)

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
        if ticket is not None and ticket.decision.request.stream:
            if ticket.decision.request.endpoint != "chat":
                ticket.stream = response
            elif isinstance(chunks := getattr(response, "chunks", None), list):
                ticket.chunks = chunks  # the host fills it as the stream goes by
        if not self._pack.settings.telemetry.headers:
            return None
        return None if ticket is None else response_headers(ticket)


def response_headers(ticket: tickets.Ticket) -> dict[str, str]:
    """Our headers; on a hit also the host's cost header, which would show what the first answer cost."""
    headers = headers_for(ticket.decision.event)
    if ticket.decision.verdict.is_hit:
        headers[COST_HEADER] = "0.0"
    return headers


def annotate(pack: Pack, ticket: tickets.Ticket, metadata: MutableMapping[str, Any]) -> None:
    """Merge the decision into what the host's Langfuse callbacks will send; once, whatever is retried."""
    if ticket.noted or not pack.settings.telemetry.langfuse:
        return
    ticket.noted = True
    notes = notes_for(ticket.decision.event)
    tags = metadata.get("tags")
    tags = list(tags) if isinstance(tags, list) else []
    metadata["tags"] = [*tags, *(tag for tag in notes.tags if tag not in tags)]
    theirs = metadata.get("trace_metadata")
    if litellm.turn_off_message_logging is True:  # the host redacts messages, but not what stands in metadata
        notes.metadata.pop("cache_matched_question", None)
    metadata["trace_metadata"] = {**notes.metadata, **(theirs if isinstance(theirs, dict) else {})}


def _client_error(exc: RequestError) -> ProxyException:
    return ProxyException(
        message=str(exc),
        type=exc.code,
        param=exc.param,
        code=exc.http_status,
        openai_code="invalid_cache_control",
    )
