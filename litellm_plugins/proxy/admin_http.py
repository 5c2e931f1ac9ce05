"""What routes of administrators have in common: whose they are, what may be sent, how errors look.

Who is an admin is the host's to say: the master key, or a key or user with the role proxy_admin. Errors have OpenAI's
shape, as everywhere on the proxy.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from litellm.proxy._types import LitellmUserRoles, ProxyException

from litellm_plugins.errors import PluginError, RequestError, SignatureRefused
from litellm_plugins.proxy.front import authenticated
from litellm_plugins.telemetry.sinks.headers import PREFIX

ERROR_HEADER = f"{PREFIX}error"
_MAX_BODY = 32 * 1024 * 1024
_ALIAS_LENGTH = 12
_NOT_FOR_THEM = "only proxy admin"  # how the host begins

Json = dict[str, Any]
Endpoint = Callable[[Request], Awaitable[Json]]


def reading(path: str, operation: Callable[[Request, Mapping[str, Any]], Awaitable[Json]]) -> APIRoute:
    """A GET of an admin's."""

    async def respond(request: Request) -> Json:
        await admin_of(request)
        return await operation(request, dict(request.query_params))

    return route(path, "GET", respond)


def writing(path: str, operation: Callable[..., Awaitable[Json]]) -> APIRoute:
    """A POST of an admin's; the operation is told the actor as well."""

    async def respond(request: Request) -> Json:
        given = object_of(await body_of(request, _MAX_BODY))  # first: the host's auth breaks on JSON that is no object
        return await operation(given, actor=await admin_of(request))

    return route(path, "POST", respond)


def route(path: str, method: str, respond: Endpoint) -> APIRoute:
    """What it answers is told as JSON, what it refuses as an error of OpenAI's shape."""

    async def endpoint(request: Request) -> Response:
        try:
            body = await respond(request)
        except PluginError as exc:
            raise _refusal(exc) from exc
        return Response(orjson.dumps(body), media_type="application/json")

    return APIRoute(path, endpoint, methods=[method], include_in_schema=False, response_model=None)


async def admin_of(request: Request) -> str:
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
        message="Only a proxy admin may do this.",
        type="permission_error",
        param=None,
        code=403,
        openai_code="insufficient_permissions",
    )


def _refusal(exc: PluginError) -> ProxyException:
    kind = "invalid_request_error" if exc.http_status < 500 else "api_error"
    code = exc.reason if isinstance(exc, SignatureRefused) else exc.code
    param = exc.param if isinstance(exc, RequestError) else None
    headers = {ERROR_HEADER: code}  # in its body the host says the status in the code's place
    return ProxyException(
        message=str(exc), type=kind, param=param, code=exc.http_status, openai_code=code, headers=headers
    )


async def body_of(request: Request, most: int) -> bytes:
    """The whole body, which the host's auth reads once more."""
    body = await request.body()
    if len(body) > most:
        raise _too_large(most)
    return body


async def body_of_anybody(request: Request, most: int) -> bytes:
    """The body of somebody who has yet to prove who they are: no more of it is taken in than may be."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise _too_large(most)
    return bytes(body)


def _too_large(most: int) -> RequestError:
    return RequestError(f"body: at most {most} bytes", param="body")


def object_of(body: bytes) -> Mapping[str, Any]:
    """Raises: RequestError."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise RequestError("body: is not JSON", param="body") from exc
    if not isinstance(given, Mapping):
        raise RequestError("body: expected an object", param="body")
    return given
