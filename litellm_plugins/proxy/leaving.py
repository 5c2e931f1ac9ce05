"""Clients that leave before their stream has ended.

The server cancels such a response, and what the host holds of it may lie in a reference cycle for as long as the
garbage collector takes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from fastapi.routing import APIRoute

if TYPE_CHECKING:
    from fastapi import Request
    from fastapi.responses import StreamingResponse
    from starlette.types import Receive, Scope, Send

_IN_SCOPE = "litellm_plugins_unless_read"


class FollowedRoute(APIRoute):
    """A route that knows when a response is over, whichever way."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See `Route.handle`."""
        try:
            await super().handle(scope, receive, send)
        finally:
            left: Callable[[], None] | None = scope.pop(_IN_SCOPE, None)
            if left is not None:
                left()


def when_left(request: Request, response: StreamingResponse, then: Callable[[], object]) -> None:
    """Have `then` called, once, if `response` is over before it was read to its end. On a `FollowedRoute`."""
    read = _Read(response.body_iterator)
    response.body_iterator = read

    def over() -> None:
        if not read.whole:
            then()

    request.scope[_IN_SCOPE] = over


class _Read:
    """A stream, and whether it was read to its end."""

    def __init__(self, chunks: Any) -> None:
        self._chunks, self.whole = aiter(chunks), False

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            self.whole = True
            raise

    async def aclose(self) -> None:
        await self._chunks.aclose()
