"""The server's application: routes, limits, the key, and what is recorded, the same for every protocol."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from litellm_plugins.simulator.anthropic_protocol import ANTHROPIC
from litellm_plugins.simulator.control import control_routes
from litellm_plugins.simulator.conversations import Conversations
from litellm_plugins.simulator.openai_protocol import OPENAI
from litellm_plugins.simulator.paced import PacedResponse, json_reply
from litellm_plugins.simulator.prompt_cache import PromptCache
from litellm_plugins.simulator.recorder import Record, Recorder
from litellm_plugins.simulator.settings import SimulatorSettings
from litellm_plugins.simulator.shelf import Shelf
from litellm_plugins.simulator.tokens import tokenizer_for
from litellm_plugins.simulator.wire import Call, Endpoint, RequestError, WireProtocol

PROTOCOLS: tuple[WireProtocol, ...] = (OPENAI, ANTHROPIC)

_ANY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_THREAD_FROM_BYTES = 64 * 1024  # counting the tokens of a body this long would hold up every other answer
_READ_ON = 8  # a body over the limit is read on, up to this many times it, so that its sender sees the 413
_WARM_MODELS = ("gpt-4o", "text-embedding-3-small")  # one of each tokenizer, loaded before the first request


def build_app(settings: SimulatorSettings | None = None) -> Starlette:
    """The ASGI application of a simulator, for a server of your own; `Simulator` starts one for you."""
    settings = settings or SimulatorSettings()
    recorder = Recorder(
        max_requests=settings.max_recorded_requests,
        max_body_bytes=settings.max_recorded_body_bytes,
        max_total_bytes=settings.max_recorded_total_bytes,
    )
    conversations = Conversations(max_bytes=settings.max_conversation_bytes)
    prompt_cache, shelf = PromptCache(settings.clock), Shelf()
    routes = control_routes(recorder, lambda request: _authorised(OPENAI, settings, request), shelf)
    for protocol in PROTOCOLS:
        for endpoint in protocol.endpoints:
            serve = _server_of(endpoint, protocol, settings, recorder, conversations, prompt_cache, shelf)
            routes += [Route(path, serve, methods=[endpoint.method]) for path in endpoint.paths]
    no_route = Endpoint("unknown", "", (), _no_such_route)
    unknown = _server_of(no_route, OPENAI, settings, recorder, conversations, prompt_cache, shelf)
    routes.append(Route("/{path:path}", unknown, methods=_ANY_METHOD))
    return Starlette(routes=routes, lifespan=_lifespan)


@asynccontextmanager
async def _lifespan(_: Starlette) -> AsyncIterator[None]:
    for model in _WARM_MODELS:
        await asyncio.to_thread(tokenizer_for, model)
    yield


def _server_of(
    endpoint: Endpoint,
    protocol: WireProtocol,
    settings: SimulatorSettings,
    recorder: Recorder,
    conversations: Conversations,
    prompt_cache: PromptCache,
    shelf: Shelf,
) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        try:
            raw = await _read(request, settings.max_body_bytes)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        path: str = request.scope["path"]
        record = recorder.add(endpoint.name, request.method, path, request.headers, raw or b"")
        try:
            if not _authorised(protocol, settings, request):
                raise RequestError(401, "Incorrect API key provided", code="invalid_api_key")
            body = _parsed(raw, settings.max_body_bytes) if endpoint.method == "POST" and endpoint.takes_json else {}
            params = {**request.query_params, **request.path_params}
            call = Call(body, request.headers, record, conversations, settings, prompt_cache, shelf, raw or b"", params)
            if raw is not None and len(raw) > _THREAD_FROM_BYTES:
                return await asyncio.to_thread(endpoint.answer, call)
            return endpoint.answer(call)
        except RequestError as error:
            return _error_reply(error, protocol, record)

    return serve


async def _read(request: Request, max_bytes: int) -> bytes | None:
    """The body; None where it is longer."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= max_bytes:
            chunks.append(chunk)
        else:
            chunks.clear()
        if size > max_bytes * _READ_ON:
            break
    return b"".join(chunks) if size <= max_bytes else None


def _parsed(raw: bytes | None, max_bytes: int) -> dict[str, Any]:
    if raw is None:
        raise RequestError(413, f"The request is larger than {max_bytes} bytes", code="request_too_large")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise RequestError(400, "We could not parse your request: its body must be a JSON object.")
    return body


def _authorised(protocol: WireProtocol, settings: SimulatorSettings, request: Request) -> bool:
    if settings.api_key is None:
        return True
    given = protocol.credential(request.headers) or ""
    return hmac.compare_digest(given.encode(), settings.api_key.encode())


def _no_such_route(call: Call) -> Response:
    record = call.record
    raise RequestError(404, f"Invalid URL ({record.method} {record.path})", code="unknown_url")


def _error_reply(error: RequestError, protocol: WireProtocol, record: Record) -> PacedResponse:
    headers = {} if error.retry_after_s is None else {"retry-after": str(error.retry_after_s)}
    body = protocol.error_body(error)
    return json_reply(body, record, status=error.status, headers=headers, due_s=error.stall_s)
