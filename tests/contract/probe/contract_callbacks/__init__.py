"""Callbacks of the contract tests' proxy: they write down what the host does, and change nothing.

`quiet` is registered by the config. It only listens, so the pack's front route stays in use. `loud` takes part in
requests, which makes the pack leave them to the host's own route; `POST /contract/loud` switches it on and off.
Both tell what they saw by the request's `x-litellm-call-id` at `GET /contract/events/ID`.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import defaultdict
from typing import Any

import litellm
from fastapi import APIRouter
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy import proxy_server

from litellm_plugins.proxy import ticket as tickets

EVENTS: dict[str, list[dict[str, Any]]] = defaultdict(list)


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


AT_IMPORT: dict[str, Any] = {
    "loop_is_running": _is_loop_running(),
    "router_is_there": proxy_server.llm_router is not None,
    "app_is_there": proxy_server.app is not None,
    "settings": json.loads(json.dumps((litellm.callback_settings or {}).get("contract"))),
    "cache": type(litellm.cache).__name__,
    "name": __name__,
    "pid": os.getpid(),
}
_router_seen: list[bool] = []


async def _look_for_the_router() -> None:
    while proxy_server.llm_router is None:  # noqa: ASYNC110 - the host sets no event
        await asyncio.sleep(0.05)
    _router_seen.append(True)


_task = asyncio.get_running_loop().create_task(_look_for_the_router()) if AT_IMPORT["loop_is_running"] else None


def _note(data: Any, what: str, **details: Any) -> None:
    data = data if isinstance(data, dict) else {}
    nested = data.get("litellm_params") or {}
    call_id = data.get("litellm_call_id") or nested.get("litellm_call_id") or "unknown"
    EVENTS[call_id].append({"what": what, **details})


def _metadata(data: dict[str, Any]) -> Any:
    return tickets.metadata_of(data) or {}


class Quiet(CustomLogger):
    """Listens to what the host logs, and may override response headers."""

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        payload = kwargs.get("standard_logging_object") or {}
        _note(
            kwargs,
            "log_success",
            cache_hit=kwargs.get("cache_hit"),
            response_cost=kwargs.get("response_cost"),
            payload={
                name: payload.get(name)
                for name in ("cache_hit", "response_cost", "saved_cache_cost", "model_group", "total_tokens")
            },
            payload_text=json.dumps(payload, default=str),
            tags=list(_metadata(kwargs.get("litellm_params") or {}).get("tags") or ()),
        )

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        _note(kwargs, "log_failure")

    async def async_post_call_response_headers_hook(
        self,
        data: Any,
        user_api_key_dict: Any,
        response: Any,
        request_headers: Any = None,
        litellm_call_info: Any = None,
    ) -> dict[str, str] | None:
        _note(data, "headers", ticket=type(tickets.find(data)).__name__)
        if (request_headers or {}).get("x-contract-override"):
            return {"x-litellm-version": "overridden", "x-contract": "added"}
        return None


class Loud(CustomLogger):
    """Defines each hook through which a callback takes part in a request."""

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: Any, call_type: Any) -> None:
        ticket = tickets.find(data)
        _note(
            data,
            "pre_call",
            call_type=str(call_type),
            ticket=str(ticket) if ticket is not None else None,
            body=data.get("proxy_server_request", {}).get("body"),
            headers=dict(data.get("proxy_server_request", {}).get("headers") or {}),
        )

    async def async_moderation_hook(self, data: Any, user_api_key_dict: Any, call_type: Any) -> None:
        _note(data, "moderation")

    async def async_filter_deployments(
        self, model: Any, healthy_deployments: Any, messages: Any, request_kwargs: Any = None, *_: Any, **__: Any
    ) -> Any:
        _note(request_kwargs, "filter_deployments", model=model)
        return healthy_deployments

    async def async_pre_call_deployment_hook(self, kwargs: Any, call_type: Any) -> None:
        metadata = _metadata(kwargs)
        _note(
            kwargs,
            "pre_call_deployment",
            model_group=metadata.get("model_group"),
            ticket=str(tickets.find(kwargs)),
            tags=list(metadata.get("tags") or ()),
            routing_tags=list(metadata.get("_routing_request_tags") or ()),
        )

    async def async_post_call_success_deployment_hook(self, request_data: Any, response: Any, call_type: Any) -> None:
        _note(request_data, "post_success_deployment")

    async def async_post_call_success_hook(self, data: Any, user_api_key_dict: Any, response: Any) -> None:
        _note(data, "post_call_success")

    async def async_post_call_streaming_iterator_hook(
        self, user_api_key_dict: Any, response: Any, request_data: Any
    ) -> Any:
        _note(request_data, "stream_began")
        async for chunk in response:
            yield chunk
        _note(request_data, "stream_ended")

    async def async_post_call_failure_hook(
        self, request_data: Any, original_exception: Any, user_api_key_dict: Any, *_: Any, **__: Any
    ) -> None:
        _note(request_data, "post_call_failure")


class Mover(CustomLogger):
    """Sends a request to the model that its header `x-contract-model` names, once it is let in."""

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: Any, call_type: Any) -> None:
        headers = data.get("proxy_server_request", {}).get("headers") or {}
        data["model"] = headers.get("x-contract-model") or data.get("model")


class Inheriting(Loud):
    """Defines nothing on its own."""


quiet, loud, mover = Quiet(), Loud(), Mover()


def _watch(cache: Any) -> None:
    """Write down what the host asks of `litellm.cache`'s backend, then pass it on."""
    get, put, key_of = cache.cache.async_get_cache, cache.cache.async_set_cache, cache.get_cache_key

    def details(kwargs: dict[str, Any]) -> dict[str, Any]:
        ticket = tickets.find(kwargs)
        return {
            "ticket": str(ticket) if ticket is not None else None,
            "asked_for": ticket.decision.request.model_group if ticket is not None else None,
            "model_group": _metadata(kwargs).get("model_group"),
            "model": kwargs.get("model"),
            "provider": kwargs.get("custom_llm_provider"),
            "model_info": bool(kwargs.get("model_info") or _metadata(kwargs).get("model_info")),
            "stream": kwargs.get("stream"),
            "messages": len(kwargs.get("messages") or ()),
        }

    async def async_get_cache(key: str, **kwargs: Any) -> Any:
        found = await get(key, **kwargs)
        _note(kwargs, "cache_get", found=found is not None, **details(kwargs))
        return found

    async def async_set_cache(key: str, value: Any, **kwargs: Any) -> None:
        response = json.loads(value["response"])
        _note(
            kwargs,
            "cache_set",
            finish_reasons=[choice.get("finish_reason") for choice in response["choices"]],
            text=response["choices"][0]["message"].get("content"),
            completion_tokens=(response.get("usage") or {}).get("completion_tokens"),
            value_type=type(value["response"]).__name__,
            **details(kwargs),
        )
        await put(key, value, **kwargs)

    def get_cache_key(**kwargs: Any) -> str:
        _note(kwargs, "cache_key", ticket=str(tickets.find(kwargs)))
        key: str = key_of(**kwargs)
        return key

    cache.cache.async_get_cache, cache.cache.async_set_cache = async_get_cache, async_set_cache
    cache.get_cache_key = get_cache_key


if litellm.cache is not None:
    _watch(litellm.cache)

router = APIRouter()


@router.get("/contract/events/{call_id}")
async def events(call_id: str) -> list[dict[str, Any]]:
    """What was seen of one request."""
    return EVENTS.get(call_id, [])


@router.get("/contract/facts")
async def facts() -> dict[str, Any]:
    """What was seen at import, and what is so now."""
    front = [getattr(each, "path", "") for each in proxy_server.app.router.routes[:2]]
    modules = [getattr(getattr(each, "endpoint", None), "__module__", "") for each in proxy_server.app.router.routes]
    return {
        "at_import": AT_IMPORT,
        "router_seen_by_the_task": bool(_router_seen),
        "first_routes": list(zip(front, modules, strict=False)),
        "cache": type(litellm.cache).__name__,
        "cache_responses": getattr(proxy_server.llm_router, "cache_responses", None),
        "cache_in_lists": [
            "cache" in names
            for names in (litellm.input_callback, litellm.success_callback, litellm._async_success_callback)
        ],
        "model_names": sorted(proxy_server.llm_router.model_names) if proxy_server.llm_router else [],
        "enable_tag_filtering": getattr(proxy_server.llm_router, "enable_tag_filtering", None),
        "handlers": [f"{type(each).__module__}.{type(each).__name__}" for each in litellm.callbacks],
    }


@router.post("/contract/loud")
async def set_loud(on: bool) -> None:
    """Add the loud callback, or take it away."""
    if on and loud not in litellm.callbacks:
        litellm.callbacks.append(loud)
    if not on and loud in litellm.callbacks:
        litellm.callbacks.remove(loud)


proxy_server.app.include_router(router)
