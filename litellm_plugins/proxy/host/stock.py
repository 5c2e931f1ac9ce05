"""The host's own routes: how each is called, and how each tells that a call failed.

On a miss the front route goes on with a request that is prepared already, which the host's route functions cannot do:
they would prepare it again. So what those do around the host's processing stands here once more, as short as it can
be; `tests/contract` and `tests/proxy/test_like_stock.py` hold it against the originals.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import litellm
from fastapi import HTTPException, Request, Response
from fastapi.responses import JSONResponse
from litellm.anthropic_interface.exceptions import AnthropicExceptionMapping
from litellm.llms.anthropic.pass_through.context_management import AnthropicContextManagementError
from litellm.proxy import proxy_server as host
from litellm.proxy._types import ProxyException
from litellm.proxy.anthropic_endpoints import endpoints as anthropic
from litellm.proxy.common_request_processing import (
    ProxyBaseLLMRequestProcessing,
    log_llm_api_exception,
    proxy_exception_from_http_exception,
    request_litellm_call_id,
)
from litellm.proxy.common_utils.http_parsing_utils import read_request_body
from litellm.proxy.common_utils.openai_error_payload import (
    error_status_code,
    litellm_call_id_headers,
    openai_error_param,
    openai_error_type,
    with_litellm_call_id,
)
from litellm.proxy.response_api_endpoints import endpoints as response_api

from litellm_plugins.proxy.host.endpoints import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES, Endpoint

if TYPE_CHECKING:
    from litellm.proxy._types import UserAPIKeyAuth

_NAMES_THE_CALLER = {
    "user_id": "user_api_key_user_id",
    "team_id": "user_api_key_team_id",
    "org_id": "user_api_key_org_id",
    "organization_alias": "user_api_key_org_alias",
    "agent_id": "agent_id",
}


async def answer(endpoint: Endpoint, request: Request, response: Response, auth: UserAPIKeyAuth) -> Any:
    """All of it as the host does it, from the start."""
    common: dict[str, Any] = {"request": request, "fastapi_response": response, "user_api_key_dict": auth}
    if endpoint is CHAT:
        return await host.chat_completion(**common, model=None)
    if endpoint is COMPLETIONS:
        return await host.completion(**common, model=None)
    if endpoint is EMBEDDINGS:
        return await host.embeddings(**common, model=None)
    return await (anthropic.anthropic_response if endpoint is MESSAGES else response_api.responses_api)(**common)


def is_plain(endpoint: Endpoint, body: Mapping[str, Any]) -> bool:
    """Whether the host's route would do no more than we do: no polling, no decoding of tokens, no refusal yet."""
    if endpoint is RESPONSES:
        return not body.get("background")
    if endpoint is EMBEDDINGS and not _is_text(body.get("input")):
        return False
    if endpoint is COMPLETIONS or endpoint is EMBEDDINGS:
        return isinstance(body.get("metadata"), dict | None)
    return True


def begin(endpoint: Endpoint, body: dict[str, Any], auth: UserAPIKeyAuth) -> None:
    """What the host's route does to a body before it has it prepared."""
    if endpoint is CHAT and not isinstance(body.get("metadata"), dict):
        body["metadata"] = {}
    if endpoint is COMPLETIONS or endpoint is EMBEDDINGS:
        metadata = body["metadata"] = body.get("metadata") or {}
        for name, told_as in _NAMES_THE_CALLER.items():
            if getattr(auth, name, None) is not None:
                metadata[told_as] = getattr(auth, name)


def generator(endpoint: Endpoint) -> Any:
    """What makes a stream's chunks into events."""
    if endpoint is MESSAGES:
        return None
    if endpoint is RESPONSES:
        return partial(host.select_data_generator, responses_stream_errors=True)
    return host.select_data_generator


def finish(endpoint: Endpoint, result: Any) -> None:
    """What the host's route does to a fresh answer."""
    if endpoint is MESSAGES and litellm.strip_anthropic_total_tokens:
        anthropic._strip_total_tokens_from_anthropic_response(result)


def refused(endpoint: Endpoint, exc: ProxyException, request: Request) -> Response:
    """The response to who may not ask at all; the host's own is in OpenAI's shape on Anthropic's endpoint, too."""
    if endpoint is not MESSAGES:
        raise exc
    return _as_anthropic(exc, request)


async def misshapen(request: Request, stumbled: Exception) -> ProxyException:
    """What is wrong with a body over which the host's auth `stumbled`; raises that again where nothing is.

    The host would answer with a 500: it asks a list for its model, and goes through tools that are a number.
    """
    body: object = await read_request_body(request=request)
    if not isinstance(body, dict):
        fault, param = "the body has to be a JSON object", None
    elif not isinstance(body.get("tools"), list | None):
        fault, param = "tools: must be a list", "tools"
    else:
        raise stumbled
    return ProxyException(message=fault, type="invalid_request_error", param=param, code=HTTPStatus.BAD_REQUEST)


async def failed(
    endpoint: Endpoint,
    processing: ProxyBaseLLMRequestProcessing,
    exc: Exception,
    *,
    request: Request,
    body: dict[str, Any],
    auth: UserAPIKeyAuth,
) -> Response:
    """The response that tells of a failure, or an exception that does."""
    if endpoint is MESSAGES:
        return await _failed_message(processing, exc, request=request, body=body, auth=auth)
    if endpoint is COMPLETIONS:
        await host.proxy_logging_obj.post_call_failure_hook(
            user_api_key_dict=auth, original_exception=exc, request_data=body
        )
        raise _failed_completion(exc, body) from exc
    more = {} if endpoint is CHAT else {"version": host.version}
    raise await processing.handle_llm_api_exception(
        e=exc, user_api_key_dict=auth, proxy_logging_obj=host.proxy_logging_obj, **more
    ) from exc


def _failed_completion(exc: Exception, body: dict[str, Any]) -> ProxyException:
    call_id = request_litellm_call_id(body)
    log_llm_api_exception(exc, call_id)
    if isinstance(exc, ProxyException):
        return with_litellm_call_id(exc, call_id)
    return ProxyException(
        message=getattr(exc, "message", f"{exc}"),
        type=getattr(exc, "type", "None"),
        param=getattr(exc, "param", "None"),
        headers=litellm_call_id_headers(call_id),
        openai_code=getattr(exc, "code", None),
        code=getattr(exc, "status_code", 500),
    )


async def _failed_message(
    processing: ProxyBaseLLMRequestProcessing,
    exc: Exception,
    *,
    request: Request,
    body: dict[str, Any],
    auth: UserAPIKeyAuth,
) -> Response:
    refused_early = isinstance(exc, AnthropicContextManagementError) and exc.status_code < 500
    if not refused_early:
        await host.proxy_logging_obj.post_call_failure_hook(
            user_api_key_dict=auth, original_exception=exc, request_data=processing.data
        )
    if isinstance(exc, AnthropicContextManagementError):
        told = AnthropicExceptionMapping.transform_to_anthropic_error(
            status_code=exc.status_code, raw_message=exc.message, request_id=request.headers.get("x-request-id")
        )
        return JSONResponse(status_code=exc.status_code, content=told)
    log_llm_api_exception(exc, processing.litellm_call_id)
    if isinstance(exc, ProxyException):
        return _as_anthropic(with_litellm_call_id(exc, processing.litellm_call_id), request)
    headers = ProxyBaseLLMRequestProcessing.get_custom_headers(
        user_api_key_dict=auth,
        call_id=processing.litellm_call_id,
        model_id=((body.get("litellm_metadata") or {}).get("model_info") or {}).get("id") or "",
        version=host.version,
        response_cost=0,
        model_region=getattr(auth, "allowed_model_region", ""),
        request_data=body,
        timeout=getattr(exc, "timeout", None),
        litellm_logging_obj=None,
    )
    if isinstance(exc, HTTPException):
        return _as_anthropic(proxy_exception_from_http_exception(exc, headers), request)
    status = error_status_code(exc, 500)
    refusal = ProxyException(
        message=getattr(exc, "message", f"{exc}"),
        type=openai_error_type(exc, status),
        param=openai_error_param(exc),
        code=status,
        headers=headers,
    )
    return _as_anthropic(refusal, request)


def _as_anthropic(exc: ProxyException, request: Request) -> Response:
    return anthropic._anthropic_error_json_response(exc, request)


def _is_text(given: object) -> bool:
    return isinstance(given, str) or (isinstance(given, list) and all(isinstance(each, str) for each in given))
