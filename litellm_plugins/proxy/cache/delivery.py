"""Delivering a hit from the front route, and logging it exactly as the host logs a hit of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Response
from fastapi.responses import StreamingResponse
from litellm.proxy import proxy_server as host
from litellm.types.utils import CachingDetails

from litellm_plugins.proxy.cache.identifiers import with_owner
from litellm_plugins.proxy.calls.own_answer import OwnAnswer

if TYPE_CHECKING:
    from litellm_plugins.cache.store import Entry
    from litellm_plugins.proxy.host.endpoints import Endpoint


@dataclass(frozen=True, slots=True)
class FrontHit(OwnAnswer):
    """One hit on its way out."""

    endpoint: Endpoint
    entry: Entry
    requested_model: str  # as the client wrote it, before any alias
    include_usage: bool

    async def respond(self) -> Response:
        """The HTTP response: one JSON body, or a stream of it. Raises what the host's own hooks raise."""
        body = orjson.loads(self.entry.body)
        body["model"] = self.requested_model
        answer = self._typed(body)
        self._prepare()
        hooks = host.proxy_logging_obj
        await hooks.during_call_hook(data=self.data, user_api_key_dict=self.auth, call_type=self.endpoint.route_type)
        await hooks.update_request_status(litellm_call_id=self.data.get("litellm_call_id", ""), status="success")
        streamed = self.endpoint.stream is not None and self.data.get("stream") is True
        if not streamed:
            await hooks.post_call_success_hook(data=self.data, user_api_key_dict=self.auth, response=answer)
        headers = await self.headers(answer, cache_key=self.entry.cache_id)
        # Before the first byte, for a stream too: what is sent is known, and the log releases the host's limits even
        # if the client is gone before it reads a thing.
        self.log(self.endpoint.logged(body) if streamed and self.endpoint.logged else answer, cache_hit=True)
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

    def _prepare(self) -> None:
        entry = self.entry
        self.prepare_log(
            entry.model,
            entry.provider,
            asked=self.data.get(self.endpoint.asked_in),
            streamed=self.data.get("stream") is True,
            names={"deployment": f"{entry.provider}/{entry.model}"},
            more={"preset_cache_key": entry.cache_id},
        )
        decision_ms = self.ticket.decision.event.decision_ms
        self.data["litellm_logging_obj"].caching_details = CachingDetails(cache_hit=True, cache_duration_ms=decision_ms)


async def _one_by_one(events: Iterator[bytes]) -> AsyncIterator[bytes]:
    for event in events:
        yield event
        await asyncio.sleep(0)  # let others in between two chunks
