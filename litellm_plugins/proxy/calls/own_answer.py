"""An answer of the pack's own, which no deployment gave: logged as the host logs, with the host's headers and ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER
from litellm.proxy import proxy_server as host
from litellm.proxy.common_request_processing import ProxyBaseLLMRequestProcessing

from litellm_plugins.proxy import ticket as tickets
from litellm_plugins.proxy.calls.telling import COST_HEADER, annotate

if TYPE_CHECKING:
    from fastapi import Request
    from litellm.proxy._types import UserAPIKeyAuth

    from litellm_plugins.proxy.boot import Pack


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """To one request. `data` is that request as the host's pre-call step left it."""

    pack: Pack
    ticket: tickets.Ticket
    data: dict[str, Any]
    auth: UserAPIKeyAuth
    request: Request

    def prepare_log(
        self,
        model: str,
        provider: str,
        *,
        asked: Any,
        streamed: bool = False,
        names: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """What the host's router and its `LLMCachingHandler` would set on the logging object before they log.

        `names` are of models, where loggers look for them; `more` is for the host's own parameters of the call.
        """
        data, metadata = self.data, tickets.metadata_of(self.data)
        if metadata is not None:
            for name, value in {"model_group": data["model"], **(names or {})}.items():
                metadata.setdefault(name, value)
            annotate(self.pack, self.ticket, metadata, data)
        data["litellm_logging_obj"].update_environment_variables(
            model=model,
            user=data.get("user"),
            optional_params={},
            litellm_params={
                "acompletion": True,
                "api_base": "",
                "metadata": metadata,
                "model_info": {},
                "proxy_server_request": data.get("proxy_server_request"),
                "custom_llm_provider": provider,
                "litellm_call_id": data.get("litellm_call_id"),
                **(more or {}),
            },
            input=asked,
            stream=streamed,
            custom_llm_provider=provider,
        )

    def log(self, answer: Any, *, cache_hit: bool) -> None:
        """Tell the host's callbacks of success."""
        log = self.data["litellm_logging_obj"]
        told = {
            "result": answer,
            "start_time": log.start_time,
            "end_time": datetime.now(),  # noqa: DTZ005 - the host subtracts naive times
            "cache_hit": cache_hit,
        }
        GLOBAL_LOGGING_WORKER.ensure_initialized_and_enqueue(async_coroutine=log.async_success_handler(**told))
        log.handle_sync_success_callbacks_for_async_calls(**told)

    async def headers(self, answer: Any, *, cache_key: str | None = None) -> dict[str, str]:
        """Those of the response: it cost nothing."""
        headers = ProxyBaseLLMRequestProcessing.get_custom_headers(
            user_api_key_dict=self.auth,
            call_id=self.data.get("litellm_call_id"),
            cache_key=cache_key,
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
