"""The front route: requests answered from the cache before the host's costlier machinery.

It runs what the host runs before any call (auth, identity, aliases, rate limits, our own pre-call hook). On a hit
it answers at once and logs the hit as the host would; on a miss it hands the same, already prepared request on to
the host's own processing. So each stage runs exactly once either way.

A hit here skips the router, `acompletion` and the host's streaming wrapper. Where something else wants a say in
those (a guardrail, another callback that changes requests or answers), the stock route is taken instead. There the
host's own cache look-up delivers the hits of chat completions; of the other endpoints none.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response, params
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, StreamingResponse
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy import proxy_server as host
from litellm.proxy._types import ProxyException
from litellm.proxy.auth.user_api_key_auth import user_api_key_auth
from litellm.proxy.common_request_processing import ProxyBaseLLMRequestProcessing
from litellm.proxy.common_utils.http_parsing_utils import CLIENT_REQUESTED_MODEL_SCOPE_KEY, read_request_body
from litellm.proxy.utils import ProxyLogging
from pydantic import BaseModel

from litellm_plugins.proxy import ticket as tickets
from litellm_plugins.proxy.batch.delivery import put_off
from litellm_plugins.proxy.batch.wishes import is_put_off
from litellm_plugins.proxy.budgets.streams import patient
from litellm_plugins.proxy.cache.delivery import FrontHit
from litellm_plugins.proxy.cache.storing import FreshAnswer, listen
from litellm_plugins.proxy.callbacks import PluginHandler, in_front
from litellm_plugins.proxy.host import stock
from litellm_plugins.proxy.host.endpoints import ALL, CHAT, Endpoint
from litellm_plugins.proxy.leaving import FollowedRoute, when_left
from litellm_plugins.proxy.output.keys import answered_with_long_keys
from litellm_plugins.proxy.routing.cascade import answered
from litellm_plugins.proxy.routing.cascade_errors import is_error

if TYPE_CHECKING:
    from fastapi.routing import APIRoute
    from litellm.proxy._types import UserAPIKeyAuth

    from litellm_plugins.proxy.boot import Pack
    from litellm_plugins.proxy.calls.call import Call

# Callbacks of the host's own that only count, limit or log: all they do to a request is done before or after the
# part that a hit skips. Or that choose among deployments, of which a hit needs none: the host adds one of those for
# every router of complexity, whose session may stay with a deployment.
_HARMLESS = (
    "litellm.proxy.hooks.",
    "litellm.integrations.",
    "litellm._service_logger",
    "litellm.router_utils.pre_call_checks.",
)
# These work on the call itself, or answer in the model's stead.
_HARMFUL = frozenset(
    {
        "_OPTIONAL_PromptInjectionDetection",
        "WebSearchInterceptionLogger",
        "CompressionInterceptionLogger",
        "CodeInterpreterInterceptionLogger",
        "VectorStorePreCallHook",
    }
)
# Hooks through which a callback takes part in a request, rather than being told of it.
_TAKES_PART = (
    "async_pre_call_hook",
    "async_moderation_hook",
    "async_pre_call_deployment_hook",
    "async_post_call_success_deployment_hook",
    "async_post_call_success_hook",
    "async_post_call_streaming_hook",
    "async_post_call_streaming_deployment_hook",
    "async_post_call_streaming_iterator_hook",
    "async_filter_deployments",
)


def front_routes(pack: Pack) -> list[APIRoute]:
    """The routes to put ahead of the host's."""
    return [route for endpoint in ALL for route in _routes(pack, endpoint)]


def _routes(pack: Pack, endpoint: Endpoint) -> list[APIRoute]:
    async def front(request: Request, fastapi_response: Response) -> Any:
        try:
            user_api_key_dict = await authenticated(request)
        except ProxyException as exc:
            return stock.refused(endpoint, exc, request)
        except (AttributeError, TypeError) as exc:
            return stock.refused(endpoint, await stock.misshapen(request, exc), request)
        if _others_take_part():
            return await stock.answer(endpoint, request, fastapi_response, user_api_key_dict)
        return await _answer(pack, endpoint, request, fastapi_response, user_api_key_dict)

    handler: Callable[..., Awaitable[Any]] = front
    return [
        FollowedRoute(path, handler, methods=["POST"], include_in_schema=False, response_model=None)
        for path in endpoint.paths
    ]


async def authenticated(request: Request) -> UserAPIKeyAuth:
    """What `Depends(user_api_key_auth)` gives, for a fraction of what FastAPI's solver costs."""
    credentials = {name: await scheme(request) for name, scheme in _SCHEMES.items()}
    authenticate: Callable[..., Awaitable[UserAPIKeyAuth]] = user_api_key_auth
    return await authenticate(request=request, **credentials)


def _schemes() -> dict[str, Callable[[Request], Awaitable[str | None]]]:
    """The headers that the host takes a key from: by parameter of its auth, what reads each."""
    wanted = {name: parameter.default for name, parameter in inspect.signature(user_api_key_auth).parameters.items()}
    return {name: one.dependency for name, one in wanted.items() if isinstance(one, params.Security) and one.dependency}


_SCHEMES = _schemes()


async def _answer(pack: Pack, endpoint: Endpoint, request: Request, response: Response, auth: UserAPIKeyAuth) -> Any:
    started = time.monotonic()
    body = await read_request_body(request=request)
    if not stock.is_plain(endpoint, body):
        return await stock.answer(endpoint, request, response, auth)
    stock.begin(endpoint, body, auth)
    stream_options = body.get("stream_options")
    requested_model = body.get("model")
    processing = ProxyBaseLLMRequestProcessing(data=body)
    common: dict[str, Any] = {
        "request": request,
        "user_api_key_dict": auth,
        "proxy_logging_obj": host.proxy_logging_obj,
        "llm_router": host.llm_router,
        "general_settings": host.general_settings,
        "proxy_config": host.proxy_config,
        "model": None,
        "user_model": host.user_model,
        "user_temperature": host.user_temperature,
        "user_request_timeout": host.user_request_timeout,
        "user_max_tokens": host.user_max_tokens,
        "user_api_base": host.user_api_base,
        "version": host.version,
        "route_type": endpoint.route_type,
    }
    call = None
    try:
        with in_front():
            processing.data, _ = await processing._pre_call_with_fallbacks(**common)
        ticket = tickets.find(processing.data)
        asked = _Asked(pack, endpoint, request, auth, str(requested_model), _wants_usage(stream_options))
        done = await _without_provider(asked, ticket, processing.data)
        if done is not None:
            return done
        _told_as_asked(request, ticket, str(requested_model))
        call = pack.calls.answering(ticket)
        pack.calls.wants_usage(call, _wants_usage(stream_options))
        if _outlives_its_client(pack, processing.data, ticket):
            common["request"] = patient(request)
        ask = partial(_asked, endpoint, common)
        ticket, result = await answered(pack, endpoint, ask, ticket, processing, response, request.is_disconnected)
        stock.finish(endpoint, result)
        if isinstance(result, StreamingResponse):
            _listened_to(pack, endpoint, ticket, result)
            if pack.admission is not None:
                pack.admission.bound(result, processing.data, took_s=time.monotonic() - started)
            _waited_for(pack, ticket, request, result, is_read_on=common["request"] is not request)
        elif call is not None:
            call.gone = await request.is_disconnected()
            _may_be_over(pack, ticket, call, result)
    except Exception as exc:  # noqa: BLE001 - the host's own edge: it makes an answer of whatever went wrong
        return await stock.failed(endpoint, processing, exc, request=request, body=body, auth=auth)
    finally:
        pack.calls.answered(call)
    if endpoint is not CHAT and not isinstance(result, Response):
        return _kept(pack, endpoint, ticket, result, response)
    if isinstance(result, BaseModel):
        return host.model_dump_with_preserved_fields(result, exclude_unset=True)
    return result


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request, as far as the host's preparing does not change it."""

    pack: Pack
    endpoint: Endpoint
    request: Request
    auth: UserAPIKeyAuth
    requested_model: str
    wants_usage: bool


async def _without_provider(asked: _Asked, ticket: tickets.Ticket | None, data: dict[str, Any]) -> Response | None:
    """The response to a hit, or to a request that waits; None: a provider is to be asked."""
    if ticket is None:
        return None
    entry = ticket.decision.verdict.entry
    if entry is not None and _still_served(data):
        return await FrontHit(
            pack=asked.pack,
            endpoint=asked.endpoint,
            ticket=ticket,
            entry=entry,
            data=data,
            auth=asked.auth,
            request=asked.request,
            requested_model=asked.requested_model,
            include_usage=asked.wants_usage,
        ).respond()
    if is_put_off(ticket):
        return await put_off(asked.pack, ticket, data, asked.auth, asked.request)
    return None


def _told_as_asked(request: Request, ticket: tickets.Ticket | None, requested_model: str) -> None:
    """Whichever model it was routed to, its client is told the name that it asked for: as on the host's own route."""
    if ticket is not None and ticket.routed is not None:
        request.scope[CLIENT_REQUESTED_MODEL_SCOPE_KEY] = requested_model


def _listened_to(pack: Pack, endpoint: Endpoint, ticket: tickets.Ticket | None, result: StreamingResponse) -> None:
    if ticket is not None and ticket.trial is None:  # else it has been listened to before it was judged
        listen(pack, endpoint, ticket, result)
    if ticket is not None:
        pack.calls.follow(ticket, result)


def _waited_for(
    pack: Pack, ticket: tickets.Ticket | None, request: Request, result: StreamingResponse, *, is_read_on: bool
) -> None:
    """Others may wait for the answer: they are told when there will be none, because its client has left."""
    if ticket is not None and ticket.decision.flight is not None and not is_read_on:
        when_left(request, result, partial(pack.pipeline.call_over, ticket.decision))


def _may_be_over(pack: Pack, ticket: tickets.Ticket | None, call: Call, result: Any) -> None:
    """A client that leaves before the first word of a stream gets a 499 in its place: no hook of the host tells of it.

    Left to the garbage collector its request would be open, and others wait for its answer, for minutes.
    """
    if ticket is not None and call.gone and is_error(result):
        pack.pipeline.call_failed(ticket.decision)
        pack.calls.unreported(call)


async def _asked(
    endpoint: Endpoint, common: dict[str, Any], processing: ProxyBaseLLMRequestProcessing, response: Response
) -> Any:
    """What the host makes of a request that is prepared."""
    result = await processing.base_process_llm_request(
        **common,
        fastapi_response=response,
        select_data_generator=stock.generator(endpoint),
        skip_pre_call_logic=True,
    )
    ticket = tickets.find(processing.data)
    limited = None if ticket is None else ticket.output
    if limited is not None and limited.long is not None:
        limited.heard = []  # of this answer: a cascade may ask for another
        answered_with_long_keys(endpoint.name, limited.long, result, limited.heard)
    return result


def _kept(pack: Pack, endpoint: Endpoint, ticket: tickets.Ticket | None, result: Any, response: Response) -> Any:
    """`result` as it goes to the client, and stored if it may be."""
    fresh = FreshAnswer(pack.pipeline, endpoint, ticket) if ticket else None
    if fresh is None or not fresh.is_wanted:
        return result
    body = jsonable_encoder(result)
    told = JSONResponse(body)
    told.headers.raw.extend(response.headers.raw)
    fresh.keep(body)
    return told


def _outlives_its_client(pack: Pack, data: dict[str, Any], ticket: tickets.Ticket | None) -> bool:
    """Whether a stream is read on if its client leaves before the first word; the host's own setting comes first."""
    held = None if ticket is None or data.get("stream") is not True else ticket.held
    stops = host.general_settings.get("cancel_on_disconnect")
    return pack.budgets is not None and held is not None and pack.budgets.drains(held) and not stops


def _wants_usage(stream_options: object) -> bool:
    return isinstance(stream_options, dict) and stream_options.get("include_usage") is True


def _still_served(data: dict[str, Any]) -> bool:
    """Whether the proxy still has the model: an answer must not outlive it."""
    return host.llm_router is not None and data.get("model") in host.llm_router.model_names


def _others_take_part() -> bool:
    """Whether anything but the host's always-on hooks and ourselves takes part in requests."""
    capabilities = ProxyLogging.callback_capabilities()  # the host keeps this up to date as callbacks come and go
    if capabilities.has_guardrail or capabilities.has_content_enforcer:
        return True
    return any(map(_takes_part, capabilities.resolved_callbacks))


def _takes_part(callback: object) -> bool:
    kind = type(callback)
    if kind not in _seen_kinds:
        _seen_kinds[kind] = issubclass(kind, CustomLogger) and _hooks_into_requests(kind)
    return _seen_kinds[kind]


_seen_kinds: dict[type, bool] = {}


def _hooks_into_requests(kind: type[CustomLogger]) -> bool:
    if kind is PluginHandler or (kind.__module__.startswith(_HARMLESS) and kind.__name__ not in _HARMFUL):
        return False
    return any(getattr(kind, name, None) is not getattr(CustomLogger, name, None) for name in _TAKES_PART)
