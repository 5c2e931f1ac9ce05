"""A stream whose beginning is read before its client gets a word, and then told as if nothing had been."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from litellm_plugins.proxy.wire.said import said_so_far
from litellm_plugins.proxy.wire.sse import events_in, whole_events
from litellm_plugins.routing.checks import Answer

if TYPE_CHECKING:
    from starlette.responses import StreamingResponse

_CHARACTERS_PER_TOKEN = 4
_LOOKS_AGAIN = 1.25  # at so many times what was there when it looked last
_MOST_HELD = 8 * 1024 * 1024  # bytes, as they go over the wire


class HeldStream:
    """Of one response of the host's."""

    def __init__(self, response: StreamingResponse) -> None:
        self._response = response
        self._chunks: Any = aiter(response.body_iterator)
        self._held: list[Any] = []
        self._fault: Exception | None = None
        self._is_over = self._is_late = False
        self._reading: asyncio.Task[Answer | None] | None = None

    async def read(self, first_tokens: int | None, *, within_s: float) -> Answer | None:
        """What it says, to its end or as far as so many tokens (of four characters) go. It breaks off: no ending.

        None: it takes longer than `within_s`, or is too long to be kept in memory. It can be told all the same.
        """
        self._reading = asyncio.create_task(self._read(first_tokens))
        try:
            await asyncio.wait({self._reading}, timeout=within_s)
        except BaseException:
            self._reading.cancel()
            raise
        if self._reading.done():
            return self._reading.result()
        self._is_late = True  # it ends with the next chunk
        return None

    async def _read(self, first_tokens: int | None) -> Answer | None:
        size = 0
        wanted = None if first_tokens is None else first_tokens * _CHARACTERS_PER_TOKEN
        look_at = wanted
        try:
            async for chunk in self._chunks:
                self._held.append(chunk)
                size += len(chunk)
                if self._is_late or size > _MOST_HELD:
                    return None
                if wanted is None or look_at is None or size < look_at:
                    continue
                answer = said_so_far(self._events())
                if len(answer.text) >= wanted:
                    return Answer(answer.text, answer.ending, answer.calls, whole=False)
                look_at = int(size * _LOOKS_AGAIN)
        except Exception as exc:  # noqa: BLE001 - told to the client in its place, if this is what it gets
            self._fault = exc
        self._is_over = True
        if self._is_late:
            return None
        answer = said_so_far(self._events())
        return Answer(answer.text, "" if self._fault else answer.ending, answer.calls)

    def tell(self) -> StreamingResponse:
        """The response, from its first word on."""
        self._response.body_iterator = self._told()
        return self._response

    async def leave(self) -> None:
        """Nobody will read the rest."""
        if self._is_over:
            return
        for each in (self._chunks, getattr(self._response, "upstream_generator", None)):
            if each is not None:
                with contextlib.suppress(Exception):
                    await each.aclose()

    def _events(self) -> list[dict[str, Any]]:
        """Of what has come whole."""
        raw = b"".join(each.encode() if isinstance(each, str) else bytes(each) for each in self._held)
        try:
            return events_in(b"".join(whole_events(raw)[0]))
        except ValueError:
            return []

    async def _told(self) -> AsyncIterator[Any]:
        try:
            for chunk in self._held:
                yield chunk
                await asyncio.sleep(0)  # let others in between two chunks
            told = len(self._held)
            if self._reading is not None and not self._reading.done():
                await asyncio.wait({self._reading})  # for the chunk that was waited for when the time was over
            for chunk in self._held[told:]:
                yield chunk
            self._held = []
            if self._fault is not None:
                raise self._fault
            if not self._is_over:
                async for chunk in self._chunks:
                    yield chunk
        finally:
            if self._reading is not None and not self._reading.done():
                self._reading.cancel()
                await asyncio.wait({self._reading})
            with contextlib.suppress(AttributeError):
                await self._chunks.aclose()
