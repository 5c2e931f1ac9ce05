"""Delivering a hit from the front route, and logging it exactly as the host logs a hit of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Response
from fastapi.responses import StreamingResponse
from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER
from litellm.proxy import proxy_server as host
from litellm.proxy.common_request_processing import ProxyBaseLLMRequestProcessing
from litellm.types.utils import CachingDetails

from litellm_plugins.proxy import ticket as tickets
from litellm_plugins.proxy.cache.identifiers import with_owner
from litellm_plugins.proxy.calls.telling import COST_HEADER, annotate

if TYPE_CHECKING:
    from fastapi import Request
    from litellm.proxy._types import UserAPIKeyAuth

    from litellm_plugins.cache.store import Entry
    from litellm_plugins.proxy.boot import Pack
    from litellm_plugins.proxy.host.endpoints import Endpoint


@dataclass(frozen=True, slots=True)
class FrontHit:
    """One hit on its way out. `data` is the request as the host's pre-call step left it."""

    pack: Pack
    endpoint: Endpoint
    ticket: tickets.Ticket
    entry: Entry
    data: dict[str, Any]
    auth: UserAPIKeyAuth
    request: Request
    requested_model: str  # as the client wrote it, before any alias
    include_usage: bool

    async def respond(self) -> Response:
        """The HTTP response: one JSON body, or a stream of it. Raises what the host's own hooks raise."""
        body = orjson.loads(self.entry.body)
        body["model"] = self.requested_model
        answer = self._typed(body)
        self._prepare_log()
        hooks = host.proxy_logging_obj
        await hooks.during_call_hook(data=self.data, user_api_key_dict=self.auth, call_type=self.endpoint.route_type)
        await hooks.update_request_status(litellm_call_id=self.data.get("litellm_call_id", ""), status="success")
        streamed = self.endpoint.stream is not None and self.data.get("stream") is True
        if not streamed:
            await hooks.post_call_success_hook(data=self.data, user_api_key_dict=self.auth, response=answer)
        headers = await self._headers(answer)
        # Before the first byte, for a stream too: what is sent is known, and the log releases the host's limits even
        # if the client is gone before it reads a thing.
        self._log(self.endpoint.logged(body) if streamed and self.endpoint.logged else answer)
        self.pack.calls.hit(self.ticket)
        body = await with_owner(self.endpoint, body, self.data, self.auth)
        if streamed and self.endpoint.stream is not None:
            events = self.endpoint.stream(body, include_usage=self.include_usage)
            return StreamingResponse(_one_by_one(events), media_type="text/event-stream", headers=headers)
        return Response(orjson.dumps(body), media_type="application/json", headers=headers)

    def _typed(self, body: dict[str, Any]) -> Any:
        answer = self.endpoint.typed(body)
        if self.entry.cost_nano_usd and hasattr(answer, "_hidden_params"):
            # What the log calls `saved_cache_cost`: known to us, and a tenth of a hit's CPU to work out again.
            answer._hidden_params["response_cost"] = self.entry.cost_nano_usd / 1e9
        return answer

    def _prepare_log(self) -> None:
        """What `LLMCachingHandler` sets on the host's logging object before it logs a hit."""
        data, entry = self.data, self.entry
        metadata = tickets.metadata_of(data)
        if metadata is not None:
            # What the router would have written: loggers take the names of models from here.
            metadata.setdefault("model_group", data["model"])
            metadata.setdefault("deployment", f"{entry.provider}/{entry.model}")
            annotate(self.pack, self.ticket, metadata, data)
        log = data["litellm_logging_obj"]
        log.update_environment_variables(
            model=entry.model,
            user=data.get("user"),
            optional_params={},
            litellm_params={
                "acompletion": True,
                "api_base": "",
                "metadata": metadata,
                "model_info": {},
                "proxy_server_request": data.get("proxy_server_request"),
                "custom_llm_provider": entry.provider,
                "litellm_call_id": data.get("litellm_call_id"),
                "preset_cache_key": entry.cache_id,
            },
            input=data.get(self.endpoint.asked_in),
            stream=data.get("stream") is True,
            custom_llm_provider=entry.provider,
        )
        log.caching_details = CachingDetails(cache_hit=True, cache_duration_ms=self.ticket.decision.event.decision_ms)

    def _log(self, answer: Any) -> None:
        log = self.data["litellm_logging_obj"]
        told = {
            "result": answer,
            "start_time": log.start_time,
            "end_time": datetime.now(),  # noqa: DTZ005 - the host subtracts naive times
            "cache_hit": True,
        }
        GLOBAL_LOGGING_WORKER.ensure_initialized_and_enqueue(async_coroutine=log.async_success_handler(**told))
        log.handle_sync_success_callbacks_for_async_calls(**told)

    async def _headers(self, answer: Any) -> dict[str, str]:
        headers = ProxyBaseLLMRequestProcessing.get_custom_headers(
            user_api_key_dict=self.auth,
            call_id=self.data.get("litellm_call_id"),
            cache_key=self.entry.cache_id,
            version=host.version,
            response_cost=0.0,
            request_data=self.data,
            hidden_params={},
            litellm_logging_obj=self.data["litellm_logging_obj"],
        )
        told = await host.proxy_logging_obj.post_call_response_headers_hook(
            data=self.data,
            user_api_key_dict=self.auth,
            response=answer,
            request_headers=dict(self.request.headers),
        )  # our own headers are among them
        return {**headers, **(told or {}), COST_HEADER: "0.0"}


async def _one_by_one(events: Iterator[bytes]) -> AsyncIterator[bytes]:
    for event in events:
        yield event
        await asyncio.sleep(0)  # let others in between two chunks
