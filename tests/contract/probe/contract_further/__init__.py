"""Callback of the contract tests for calls that the host makes of its own accord: it writes down what it is told.

`GET /contract/further` tells what it saw since it was asked last, of all requests.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy import proxy_server

from litellm_plugins.proxy import ticket as tickets
from litellm_plugins.proxy.host.provider_chunks import carried_on, told_again

EVENTS: list[dict[str, Any]] = []
_streams: list[Any] = []  # what the host makes one stream of several with
_logs: list[Any] = []  # kept, so that no two have one place in memory


def _log_of(kwargs: Any) -> int | None:
    log = kwargs.get("litellm_logging_obj")
    _logs.append(log)
    return None if log is None else id(log.model_call_details)


def _note(what: str, kwargs: Any, **details: Any) -> None:
    EVENTS.append({"what": what, "ticket": str(tickets.find(kwargs)), **details})


class Further(CustomLogger):
    """Listens only."""

    async def async_pre_call_deployment_hook(self, kwargs: Any, call_type: Any) -> None:
        _note(
            "deployment",
            kwargs,
            call_type=str(getattr(call_type, "value", call_type)),
            skips_mcp=bool(kwargs.get("_skip_mcp_handler")),
            depth=kwargs.get("_agentic_loop_depth"),
            limits={name: kwargs.get(name) for name in ("max_tokens", "max_output_tokens") if kwargs.get(name)},
            continues=bool(kwargs.get("previous_response_id")),
            parent=(kwargs.get("litellm_metadata") or {}).get("parent_request_id"),
            call_id=kwargs.get("litellm_call_id"),
            log=_log_of(kwargs),
        )

    def log_pre_api_call(self, model: Any, messages: Any, kwargs: Any) -> None:
        _note("asking", kwargs)

    def log_post_api_call(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        raw = kwargs.get("original_response")
        _note("answered", kwargs, is_json=isinstance(raw, str) and raw.lstrip().startswith("{"))

    async def async_post_call_success_deployment_hook(self, request_data: Any, response: Any, call_type: Any) -> None:
        usage = response.get("usage") if isinstance(response, dict) else getattr(response, "usage", None)
        _note("success", request_data, reply=type(response).__name__, has_usage=usage is not None)

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        _note(
            "logged",
            kwargs,
            call_type=kwargs.get("call_type"),
            cost=kwargs.get("response_cost"),
            log=id(kwargs),
        )

    async def async_post_call_response_headers_hook(
        self,
        data: Any,
        user_api_key_dict: Any,
        response: Any,
        request_headers: Any = None,
        litellm_call_info: Any = None,
    ) -> None:
        _note("headers", data, whole=type(told_again(response)).__name__)
        made = carried_on(response)
        if made is not None:
            _streams.append(made)


further = Further()
router = APIRouter()


@router.get("/contract/further")
async def seen() -> dict[str, Any]:
    """And forget it."""
    streams = [
        {
            "first": isinstance(getattr(made.stream_wrapper, "chunks", None), list),
            "second": isinstance(getattr(made.follow_up_stream, "chunks", None), list),
            "exhausted": getattr(made, "follow_up_exhausted", None),
            "drains": callable(getattr(made, "_drain_inner_stream", None)),
        }
        for made in _streams
    ]
    told = {"events": list(EVENTS), "streams": streams}
    EVENTS.clear()
    _streams.clear()
    return told


proxy_server.app.include_router(router)
