"""The sidecar's HTTP side: a bounded queue before one thread that asks the model."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from litellm_plugins.compression.llmlingua.engine import Engine, EngineUnavailable
from litellm_plugins.compression.llmlingua.protocol import (
    COMPRESS_PATH,
    HEALTH_PATH,
    MOST_BODY_BYTES,
    MOST_CHARS,
    STATUS,
    Answer,
    Health,
    Refusal,
    Refused,
    Told,
    Wanted,
)

if TYPE_CHECKING:
    from starlette.requests import Request

_LOG = logging.getLogger(__name__)
_JSON = "application/json"


class Desk:
    """Who comes when too many wait is sent away at once: a queue that grows helps nobody who has a deadline."""

    def __init__(self, engine: Engine, *, most_waiting: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine, self._most, self._clock = engine, most_waiting, clock
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._waiting = self._done = self._failed = 0
        self._ready = False
        self.fault: EngineUnavailable | None = None  # why it will never be ready

    async def warm(self) -> None:
        """Load the model. Raises: EngineUnavailable."""
        try:
            await asyncio.wrap_future(self._pool.submit(self._engine.load))
        except EngineUnavailable as exc:
            self.fault = exc
            raise
        self._ready = True

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def health(self) -> Health:
        """How it is now."""
        return Health(
            ready=self._ready,
            model=self._engine.model,
            device=self._engine.device,
            waiting=self._waiting,
            most_waiting=self._most,
            done=self._done,
            failed=self._failed,
        )

    async def compress(self, wanted: Wanted) -> Answer:
        """Raises: Refused."""
        if not self._ready:
            raise Refused(Refusal.WARMING)
        if len(wanted.text) > MOST_CHARS:
            raise Refused(Refusal.TOO_LONG)
        if self._waiting >= self._most:
            raise Refused(Refusal.BUSY)
        until = None if wanted.within_ms is None else self._clock() + wanted.within_ms / 1_000
        loop = asyncio.get_running_loop()
        self._waiting += 1
        work = self._pool.submit(self._work, wanted, until)
        work.add_done_callback(lambda done: loop.call_soon_threadsafe(self._count, done))
        return await asyncio.wrap_future(work)

    def _work(self, wanted: Wanted, until: float | None) -> Answer:
        def late() -> bool:
            return until is not None and self._clock() >= until

        if late():
            raise Refused(Refusal.DEADLINE)
        if wanted.rate >= 1 and wanted.target_tokens is None:
            return Answer(text=wanted.text)
        try:
            return Answer(text=self._engine.compress(wanted, late=late))
        except Refused:
            raise
        except Exception as exc:
            # Never the text: it is a user's.
            _LOG.warning("the model failed at a text of %d characters: %s", len(wanted.text), type(exc).__name__)
            raise Refused(Refusal.FAILED, type(exc).__name__) from exc

    def _count(self, work: Future[Answer]) -> None:
        self._waiting -= 1
        if work.cancelled():
            return
        self._done += work.exception() is None
        self._failed += work.exception() is not None


def build_app(desk: Desk, *, failed: Callable[[], None]) -> Starlette:
    """The server. It loads the model as it starts, and answers meanwhile; `failed` is called where that fails."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async def warm() -> None:
            try:
                await desk.warm()
            except EngineUnavailable:
                failed()

        task = asyncio.get_running_loop().create_task(warm())
        yield
        task.cancel()
        desk.close()

    async def health(_: Request) -> Response:
        told = desk.health()
        return Response(told.model_dump_json(), 200 if told.ready else 503, media_type=_JSON)

    async def compress(request: Request) -> Response:
        try:
            wanted = await _read(request)
            answer = await desk.compress(wanted)
        except Refused as exc:
            told = Told(reason=exc.reason, detail=exc.detail)
            return Response(told.model_dump_json(), STATUS[exc.reason], media_type=_JSON)
        return Response(answer.model_dump_json(), media_type=_JSON)

    return Starlette(
        routes=[Route(HEALTH_PATH, health), Route(COMPRESS_PATH, compress, methods=["POST"])], lifespan=lifespan
    )


async def _read(request: Request) -> Wanted:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BODY_BYTES:
            raise Refused(Refusal.TOO_LONG)
    try:
        return Wanted.model_validate_json(bytes(body))
    except ValidationError as exc:
        faults = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['type']}" for each in exc.errors()[:3])
        raise Refused(Refusal.MALFORMED, faults) from exc
