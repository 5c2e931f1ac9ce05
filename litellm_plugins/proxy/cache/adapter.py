"""Our seat in the host's own cache: it delivers the hit that the pipeline found, and hands us fresh answers.

Only chat completions with a ticket take part: to all other requests the host behaves as if it had no cache.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import litellm
import orjson
from litellm.caching.base_cache import BaseCache
from litellm.caching.caching import Cache

from litellm_plugins.model import Reply, Usage
from litellm_plugins.proxy import ticket as tickets
from litellm_plugins.proxy.host import conversion
from litellm_plugins.proxy.host.deployment import deployment_of
from litellm_plugins.proxy.host.prices import cost_nano_usd
from litellm_plugins.proxy.host.provider_chunks import is_finished
from litellm_plugins.proxy.output.keys import body_with_long_keys
from litellm_plugins.proxy.routing.trial import Outcome

if TYPE_CHECKING:
    from litellm_plugins.pipeline import Pipeline

_LOG = logging.getLogger(__name__)


class _Behind:
    """Keeps the pipeline out of the host's sight: `/cache/ping` prints whatever it reaches from object to object."""

    __slots__ = ("pipeline",)

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline


class PluginCache(Cache):
    """Installed as `litellm.cache`."""

    def __init__(self, pipeline: Pipeline, *, closes: Callable[[], Awaitable[None]]) -> None:
        lists = (litellm.input_callback, litellm.success_callback, litellm._async_success_callback)
        had = [("cache" in names) for names in lists]
        super().__init__(
            _backend=_TicketBackend(pipeline),
            supported_call_types=["acompletion"],
            max_messages=None,  # the host's default never caches a chat of more than four messages
        )
        self._closes = closes
        # The host's constructor adds a "cache" logger, which makes it run the synchronous success path in a thread
        # on every request, for nothing.
        for names, was_there in zip(lists, had, strict=True):
            if not was_there and "cache" in names:
                names.remove("cache")

    def should_use_cache(self, **kwargs: Any) -> bool:
        ticket = tickets.find(kwargs)
        # The front route takes care of the other endpoints; the host may make chat calls on their behalf.
        return ticket is not None and ticket.decision.request.endpoint == "chat"

    async def disconnect(self) -> None:
        """Called by the host as it shuts down: the one place to close what the pack holds open."""
        await self._closes()

    def get_cache_key(self, **kwargs: Any) -> str:
        ticket = tickets.find(kwargs)
        keys = ticket.decision.verdict.keys if ticket else None
        return keys.exact.hex()[:32] if keys else "litellm_plugins"


class _TicketBackend(BaseCache):
    """What the host's cache logic calls. The ticket, not the key, says what to do."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__()
        self._behind = _Behind(pipeline)

    async def async_get_cache(self, key: str, **kwargs: Any) -> Any:
        ticket = tickets.find(kwargs)
        entry = ticket.decision.verdict.entry if ticket else None
        return None if entry is None else orjson.loads(entry.body)

    async def async_set_cache(self, key: str, value: Any, **kwargs: Any) -> None:
        ticket = tickets.find(kwargs)
        if ticket is None:
            return
        if ticket.trial is None:
            await self._set(ticket, value, kwargs)
        else:
            ticket.trial.when_known(partial(self._set_if_served, ticket, value, kwargs))

    async def _set_if_served(
        self, ticket: tickets.Ticket, value: Any, kwargs: Mapping[str, Any], outcome: Outcome
    ) -> None:
        if outcome is Outcome.SERVED:
            await self._set(ticket, value, kwargs)

    async def _set(self, ticket: tickets.Ticket, value: Any, kwargs: Mapping[str, Any]) -> None:
        if ticket.chunks is not None and not is_finished(ticket.chunks):
            self._behind.pipeline.call_failed(ticket.decision)
            return  # the connection ended, the answer did not: the host makes up a "stop" for such a stream
        reply = reply_of(value, kwargs)
        if reply is not None and ticket.output is not None and ticket.output.long is not None:
            # The host stores what the provider said, with short names.
            reply = replace(reply, body=copy.deepcopy(dict(reply.body)))
            body_with_long_keys("chat", ticket.output.long, cast("dict[str, Any]", reply.body))
        if reply is None:
            self._behind.pipeline.call_unshared(ticket.decision)
        else:
            again, ticket.handled = ticket.handled, True
            await self._behind.pipeline.after_call(ticket.decision, reply, again=again)

    # The host's abstract class wants these; nothing synchronous ever carries a ticket.
    def get_cache(self, key: str, **kwargs: Any) -> Any:
        return None

    def set_cache(self, key: str, value: Any, **kwargs: Any) -> None:
        return None

    async def async_set_cache_pipeline(self, cache_list: Any, **kwargs: Any) -> None:
        return None


def reply_of(value: Mapping[str, Any], kwargs: Mapping[str, Any]) -> Reply | None:
    """The provider's answer out of what the host hands its cache; None if it has another shape than we know."""
    try:
        body = conversion.wire_body(orjson.loads(value["response"]))
        response = litellm.ModelResponse(**body)
    except (KeyError, TypeError, ValueError) as exc:
        _LOG.debug("an answer of unknown shape was not stored: %s", exc)
        return None
    metadata = tickets.metadata_of(kwargs) or {}
    deployment = deployment_of(kwargs, metadata)
    usage = body.get("usage") or {}
    return Reply(
        body=body,
        model=deployment.model,
        provider=deployment.provider,
        model_group=deployment.model_group,
        usage=Usage(int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)),
        cost_nano_usd=cost_nano_usd(response, deployment, call_type="acompletion"),
    )
