"""Delivering a hit from the front route, and logging it exactly as the host logs a hit of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import litellm
import orjson
from fastapi import Response
from fastapi.responses import StreamingResponse
from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER
from litellm.proxy import proxy_server as host
from litellm.proxy.common_request_processing import ProxyBaseLLMRequestProcessing
from litellm.types.utils import CachingDetails

from litellm_plugins.proxy import replay
from litellm_plugins.proxy import ticket as tickets
from litellm_plugins.proxy.callbacks import COST_HEADER, annotate, response_headers

if TYPE_CHECKING:
    from fastapi import Request
    from litellm.proxy._types import UserAPIKeyAuth

    from litellm_plugins.cache.store import Entry
    from litellm_plugins.proxy.boot import Pack


async def deliver(
    pack: Pack,
    ticket: tickets.Ticket,
    data: dict[str, Any],
    auth: UserAPIKeyAuth,
    request: Request,
    *,
    requested_model: str,
    include_usage: bool,
) -> Response:
    """The HTTP response for a hit: one JSON body, or a stream of it. Raises what the host's own hooks raise."""
    entry = ticket.decision.verdict.entry
    if entry is None:
        raise ValueError("only a hit can be delivered")
    logging = host.proxy_logging_obj
    started = datetime.now()  # noqa: DTZ005 - the host's logging subtracts naive times
    body = orjson.loads(entry.body)
    body["model"] = requested_model
    answer = litellm.ModelResponse(**body)
    metadata = tickets.metadata_of(data)
    if metadata is not None:
        metadata.setdefault("model_group", data["model"])
        annotate(pack, ticket, metadata)
    _prepare_log(data, entry, ticket)
    await logging.during_call_hook(data=data, user_api_key_dict=auth, call_type="acompletion")
    await logging.update_request_status(litellm_call_id=data.get("litellm_call_id", ""), status="success")
    if data.get("stream") is True:
        headers = await _headers(pack, ticket, data, auth, request, answer, entry)
        events = replay.chunks(body, model=requested_model, include_usage=include_usage)
        stream = _logged_stream(events, data, answer, started)
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)
    await logging.post_call_success_hook(data=data, user_api_key_dict=auth, response=answer)
    headers = await _headers(pack, ticket, data, auth, request, answer, entry)
    _log(data, answer, started)
    return Response(orjson.dumps(body), media_type="application/json", headers=headers)


async def _logged_stream(
    events: Iterator[bytes], data: dict[str, Any], answer: litellm.ModelResponse, started: datetime
) -> AsyncIterator[bytes]:
    try:
        for event in events:
            yield event
            await asyncio.sleep(0)  # let others in between two chunks
    finally:  # also when the client went away: the host's limits are released by the log
        _log(data, answer, started)


def _prepare_log(data: dict[str, Any], entry: Entry, ticket: tickets.Ticket) -> None:
    """What `LLMCachingHandler` sets on the host's logging object before it logs a hit."""
    log = data["litellm_logging_obj"]
    log.update_environment_variables(
        model=entry.model,
        user=data.get("user"),
        optional_params={},
        litellm_params={
            "acompletion": True,
            "api_base": "",
            "metadata": tickets.metadata_of(data),
            "model_info": {},
            "proxy_server_request": data.get("proxy_server_request"),
            "custom_llm_provider": entry.provider,
            "litellm_call_id": data.get("litellm_call_id"),
            "preset_cache_key": entry.cache_id,
        },
        input=data.get("messages"),
        stream=data.get("stream") is True,
        custom_llm_provider=entry.provider,
    )
    log.caching_details = CachingDetails(cache_hit=True, cache_duration_ms=ticket.decision.event.decision_ms)


def _log(data: dict[str, Any], answer: litellm.ModelResponse, started: datetime) -> None:
    log = data["litellm_logging_obj"]
    ended = datetime.now()  # noqa: DTZ005 - as above
    GLOBAL_LOGGING_WORKER.ensure_initialized_and_enqueue(
        async_coroutine=log.async_success_handler(result=answer, start_time=started, end_time=ended, cache_hit=True)
    )
    log.handle_sync_success_callbacks_for_async_calls(result=answer, start_time=started, end_time=ended, cache_hit=True)


async def _headers(
    pack: Pack,
    ticket: tickets.Ticket,
    data: dict[str, Any],
    auth: UserAPIKeyAuth,
    request: Request,
    answer: litellm.ModelResponse,
    entry: Entry,
) -> dict[str, str]:
    headers = ProxyBaseLLMRequestProcessing.get_custom_headers(
        user_api_key_dict=auth,
        call_id=data.get("litellm_call_id"),
        cache_key=entry.cache_id,
        version=host.version,
        response_cost=0.0,
        request_data=data,
        hidden_params={},
        litellm_logging_obj=data["litellm_logging_obj"],
    )
    told = await host.proxy_logging_obj.post_call_response_headers_hook(
        data=data, user_api_key_dict=auth, response=answer, request_headers=dict(request.headers)
    )
    return {**headers, **(told or response_headers(ticket)), COST_HEADER: "0.0"}
