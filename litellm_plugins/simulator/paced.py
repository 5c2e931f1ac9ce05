"""A response whose parts are sent when they are due, and which ends when nobody listens any more."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from litellm_plugins.simulator.recorder import Ending, Outcome, Record

JSON_TYPE = "application/json"
EVENT_STREAM_TYPE = "text/event-stream; charset=utf-8"
_TURNS = 6


@dataclass(frozen=True, slots=True)
class Part:
    """`due_s` counts from when the request was read; `tokens` is how much of the answer the part carries."""

    data: bytes
    due_s: float = 0.0
    tokens: int = 0


class PacedResponse(Response):
    """Nothing, headers included, is sent before the first part is due.

    Any ending but `complete` comes after half of the parts: `dropped` breaks the connection, `ended_early` ends
    the body as if it were whole.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        record: Record,
        *,
        media_type: str,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        ending: Ending = "complete",
    ) -> None:
        self._parts = parts
        self._record = record
        self._ending = ending
        self.status_code = status
        self.background = None
        self.raw_headers = [
            (b"content-type", media_type.encode()),
            *((name.encode(), value.encode()) for name, value in (headers or {}).items()),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._record.status = self.status_code
        if len(self._parts) == 1 and self._parts[0].due_s <= 0:
            # Nothing to wait for and nothing to break off: benchmarks send thousands of these.
            await self._send_part(send, 0, self._parts[0])
            self._record.outcome = "complete"
            return
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            self._record.outcome = await self._send_parts(send, gone)
        finally:
            gone.cancel()

    async def _send_parts(self, send: Send, gone: "asyncio.Future[None]") -> Outcome:
        clock = asyncio.get_running_loop().time
        started = clock()
        kept = self._parts if self._ending == "complete" else self._parts[: len(self._parts) // 2]
        for index, part in enumerate(kept):
            if await _gone_within(gone, started + part.due_s - clock()):
                return "client_left"
            await self._send_part(send, index, part)
        if self._ending == "ended_early":
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        # After a drop the server sees a response that was never completed, and closes the connection.
        return self._ending

    async def _send_part(self, send: Send, index: int, part: Part) -> None:
        if index == 0:
            start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            await send(start)
        more = index + 1 < len(self._parts)
        await send({"type": "http.response.body", "body": part.data, "more_body": more})
        self._record.tokens_sent += part.tokens


def json_reply(
    body: Mapping[str, Any],
    record: Record,
    *,
    due_s: float = 0.0,
    tokens: int = 0,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    ending: Ending = "complete",
) -> PacedResponse:
    """A whole JSON body, sent when it is due."""
    data = orjson.dumps(body)
    half = len(data) // 2
    whole = ending == "complete"
    parts = [Part(data, due_s, tokens)] if whole else [Part(data[:half], due_s), Part(data[half:])]
    # A body that ends early cannot say how long it would have been.
    length = {} if ending == "ended_early" else {"content-length": str(len(data))}
    headers = {**(headers or {}), **length}
    return PacedResponse(parts, record, media_type=JSON_TYPE, status=status, headers=headers, ending=ending)


def raw_reply(data: bytes, record: Record, *, media_type: str = "application/octet-stream") -> PacedResponse:
    """A whole body of any kind, sent at once."""
    headers = {"content-length": str(len(data))}
    return PacedResponse([Part(data)], record, media_type=media_type, headers=headers)


def event_stream(
    parts: Sequence[Part], record: Record, *, headers: Mapping[str, str], ending: Ending = "complete"
) -> PacedResponse:
    """Server-sent events, each when it is due."""
    headers = {**headers, "cache-control": "no-cache"}
    return PacedResponse(parts, record, media_type=EVENT_STREAM_TYPE, headers=headers, ending=ending)


def server_sent(data: Mapping[str, Any], name: str = "") -> bytes:
    """One event."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + orjson.dumps(data) + b"\n\n"


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _gone_within(gone: "asyncio.Future[None]", wait_s: float) -> bool:
    """Waits, unless the client leaves first."""
    if wait_s > 0:
        await asyncio.wait((gone,), timeout=wait_s)
    # The loop must run to learn that the client has left; that takes some turns where both were due on a busy machine.
    for _ in range(_TURNS if wait_s > 0 else 1):
        await asyncio.sleep(0)
        if gone.done():
            return True
    return gone.done()
