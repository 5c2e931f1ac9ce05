"""`/plugins/cache/…`: the administrator's operations over HTTP, for the host's admins only, and signed webhook events.

Who is an admin is the host's to say: the master key, or a key or user with the role proxy_admin. Errors have OpenAI's
shape, as everywhere on the proxy.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from litellm.proxy._types import LitellmUserRoles, ProxyException

from litellm_plugins.cache.admin.events import SIGNATURE_HEADER, verify
from litellm_plugins.errors import NotFound, PluginError, RequestError, SignatureRefused
from litellm_plugins.proxy.front import authenticated

if TYPE_CHECKING:
    from litellm_plugins.cache.admin import CacheAdmin
    from litellm_plugins.proxy.boot import Pack

_ROOT = "/plugins/cache"
_MAX_BODY = 32 * 1024 * 1024
_MAX_EVENT = 256 * 1024
_ALIAS_LENGTH = 12
_NOT_FOR_THEM = "only proxy admin"  # how the host begins

Json = dict[str, Any]


def admin_routes(pack: Pack) -> list[APIRoute]:
    """The routes to put ahead of the host's."""
    admin = pack.cache_admin
    return [
        _reading("/stats", lambda _, query: admin.stats(query)),
        _reading("/entries", lambda _, query: admin.entries(query)),
        _reading("/entries/{cache_id}", lambda request, _: admin.entry(request.path_params["cache_id"])),
        _reading("/gate", lambda _, query: admin.gate(query)),
        _reading("/audit", lambda _, query: admin.audit(query)),
        _writing("/invalidate", admin.invalidate),
        _writing("/curate", admin.curate),
        _writing("/warm", admin.warm),
        _route("/curate/{cache_id}", "DELETE", _uncurate(admin)),
        _route("/events", "POST", _event(pack)),
    ]


Endpoint = Callable[[Request], Awaitable[Json]]


def _reading(path: str, operation: Callable[[Request, Mapping[str, Any]], Awaitable[Json]]) -> APIRoute:
    async def respond(request: Request) -> Json:
        await _admin(request)
        return await operation(request, dict(request.query_params))

    return _route(path, "GET", respond)


def _writing(path: str, operation: Callable[..., Awaitable[Json]]) -> APIRoute:
    async def respond(request: Request) -> Json:
        given = _object(await _body(request, _MAX_BODY))  # first: the host's auth breaks on JSON that is no object
        return await operation(given, actor=await _admin(request))

    return _route(path, "POST", respond)


def _uncurate(admin: CacheAdmin) -> Endpoint:
    async def respond(request: Request) -> Json:
        actor = await _admin(request)
        return await admin.uncurate(request.path_params["cache_id"], actor=actor)

    return respond


def _event(pack: Pack) -> Endpoint:
    settings = pack.settings.events

    async def respond(request: Request) -> Json:
        secret = os.environ.get(settings.secret_env or "", "")
        if not secret:
            raise NotFound("no events are taken here: events.secret_env names no variable that is set")
        body = await _body_of_anybody(request, _MAX_EVENT)
        verify(secret, body, request.headers.get(SIGNATURE_HEADER), now=time.time(), tolerance_s=settings.tolerance_s)
        return await pack.cache_admin.event(_object(body))

    return respond


def _route(path: str, method: str, respond: Endpoint) -> APIRoute:
    async def endpoint(request: Request) -> Response:
        try:
            body = await respond(request)
        except PluginError as exc:
            raise _refusal(exc) from exc
        return Response(orjson.dumps(body), media_type="application/json")

    return APIRoute(_ROOT + path, endpoint, methods=[method], include_in_schema=False, response_model=None)


async def _admin(request: Request) -> str:
    """Who asks, for the audit. Raises: ProxyException, 401 without a valid key and 403 for anybody but an admin."""
    try:
        auth = await authenticated(request)
    except Exception as exc:
        if _is_known_but_no_admin(exc):
            raise _forbidden() from exc
        raise
    if auth.user_role != LitellmUserRoles.PROXY_ADMIN:
        raise _forbidden()
    return auth.key_alias or auth.user_id or (auth.api_key or "")[:_ALIAS_LENGTH]


def _is_known_but_no_admin(exc: BaseException | None) -> bool:
    """Whether the host knows the key, and refuses it a path of no name to it.

    That is a bare Exception, a 401 made of it, or, without a database, another one on the way to making it.
    """
    while exc is not None:
        if _NOT_FOR_THEM in (str(exc.message) if isinstance(exc, ProxyException) else str(exc)).lower():
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def _forbidden() -> ProxyException:
    return ProxyException(
        message="Only a proxy admin may administer the cache.",
        type="permission_error",
        param=None,
        code=403,
        openai_code="insufficient_permissions",
    )


def _refusal(exc: PluginError) -> ProxyException:
    kind = "invalid_request_error" if exc.http_status < 500 else "api_error"
    code = exc.reason if isinstance(exc, SignatureRefused) else exc.code
    param = exc.param if isinstance(exc, RequestError) else None
    return ProxyException(message=str(exc), type=kind, param=param, code=exc.http_status, openai_code=code)


async def _body(request: Request, most: int) -> bytes:
    """The whole body, which the host's auth reads once more."""
    body = await request.body()
    if len(body) > most:
        raise _too_large(most)
    return body


async def _body_of_anybody(request: Request, most: int) -> bytes:
    """The body of somebody who has yet to prove who they are: no more of it is taken in than may be."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise _too_large(most)
    return bytes(body)


def _too_large(most: int) -> RequestError:
    return RequestError(f"body: at most {most} bytes", param="body")


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise RequestError("body: is not JSON", param="body") from exc
    if not isinstance(given, Mapping):
        raise RequestError("body: expected an object", param="body")
    return given
