"""A request that is asked once more, of a dearer tier: as its client sent it, with a ticket and a log of its own."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import litellm
from fastapi import Response

from litellm_plugins.proxy import ticket as tickets
from litellm_plugins.proxy.routing.stage import Routed

if TYPE_CHECKING:
    from litellm_plugins.proxy.boot import Pack
    from litellm_plugins.proxy.host.endpoints import Endpoint
    from litellm_plugins.routing.policy import Route

_SAID_IN = ("messages", "input", "prompt", "system", "tools", "functions", "response_format", "text", "output_format")
_PLACES = ("metadata", "litellm_metadata")


class Asked:
    """A request as it was prepared for the tier that is asked first, before the host wrote to it."""

    def __init__(self, pack: Pack, endpoint: Endpoint, first: tickets.Ticket, data: Mapping[str, Any]) -> None:
        self._pack, self._endpoint, self._first, self._data = pack, endpoint, first, _copied(data)
        if pack.prompt_caching is not None:
            pack.prompt_caching.unmark(first, self._data)

    async def again(self, before: Routed, route: Route, fault: str) -> tuple[tickets.Ticket, dict[str, Any]]:
        """For the model of `route`, after the tier of `before` did not do. Raises: LookupError: it was not routed."""
        data, first = _copied(self._data), self._first
        metadata = tickets.metadata_of(data)
        if metadata is None or self._pack.routing is None or first.routed is None:
            raise LookupError
        ticket = tickets.another(first, metadata)
        if first.trace is not None:
            metadata["trace_id"] = first.trace.trace_id
        event = replace(
            before.event,
            tier=route.tier,
            model=route.model,
            reason=route.reason,
            path=(*before.event.path, route.tier),
            escalated=fault,
            max_tokens=first.routed.event.max_tokens,  # it is still in `data`, whoever was asked in between
        )
        routed = Routed(before.ladder, before.needs, route, event, before.followed)
        self._pack.routing.escalate(ticket, routed, data)
        if self._pack.prompt_caching is not None:
            await self._pack.prompt_caching.mark(ticket, data)
        data["litellm_call_id"] = str(uuid.uuid4())
        log, data = litellm.utils.function_setup(
            original_function=self._endpoint.route_type,
            rules_obj=litellm.utils.Rules(),
            start_time=datetime.now(),  # noqa: DTZ005 - the host subtracts naive times
            **data,
        )
        data["litellm_logging_obj"] = log
        return ticket, data


def _copied(data: Mapping[str, Any]) -> dict[str, Any]:
    """A copy that the host may write to."""
    copied = {name: copy.deepcopy(data[name]) for name in _SAID_IN if name in data}
    copied |= {name: dict(data[name]) for name in _PLACES if isinstance(data.get(name), dict)}
    return {name: value for name, value in {**data, **copied}.items() if name != "litellm_logging_obj"}


def empty() -> Response:
    """A response of no length, for headers that are known before it is."""
    response = Response()
    del response.headers["content-length"]
    return response
