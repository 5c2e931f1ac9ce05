"""Streams that are ended when their time is over: the host's own timeout bounds only the wait for the next piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from starlette.responses import StreamingResponse

_KIND = "timeout"


def end_in_time(response: StreamingResponse, endpoint: str, *, allowed_s: float, left_s: float) -> None:
    """Have `response` end with an error event in `left_s` seconds, unless it has ended by then."""
    deadline = asyncio.get_running_loop().time() + left_s
    message = f"The model took longer than the {allowed_s:g} s that its answers may take here"
    response.body_iterator = _until(deadline, response.body_iterator, error_event(endpoint, message))


async def _until(deadline: float, chunks: Any, error: bytes) -> AsyncIterator[Any]:
    try:
        while True:
            try:
                async with asyncio.timeout_at(deadline):  # to whom it is read from, this is a client that leaves
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError:
                yield error
                return
            yield chunk
    finally:
        await chunks.aclose()


def error_event(endpoint: str, message: str) -> bytes:
    """In the protocol of `endpoint`."""
    told: dict[str, Any] = {"message": message, "type": "timeout_error", "param": None, "code": _KIND}
    if endpoint == "messages":
        told = {"type": "error", "error": {"type": "timeout_error", "message": message}}
        return b"event: error\ndata: " + orjson.dumps(told) + b"\n\n"
    return b"data: " + orjson.dumps({"error": told}) + b"\n\ndata: [DONE]\n\n"
