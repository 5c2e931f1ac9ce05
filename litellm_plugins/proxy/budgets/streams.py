"""Streams on their way out of the front route, listened to for what they cost should they break off or be left.

The host puts together what a broken chat stream brought, and prices it. Of other endpoints' streams it says nothing:
then what went over the wire is counted. A stream that is left may be read on, by a task that knows no client.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from litellm_plugins.proxy.host.provider_chunks import chunks_of

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from starlette.responses import StreamingResponse

    from litellm_plugins.proxy.budgets.drains import Drains
    from litellm_plugins.proxy.budgets.heard import Heard

_HOST_IS_DONE_S = 3.0  # after the end of a stream: by then the host has logged it, if it will
_AHEAD = 16  # events that are read before a slow client has taken them


def overhear(
    response: StreamingResponse,
    stream: Any,
    heard: Heard,
    ended: Callable[[], None],
    *,
    drains: Drains | None = None,
    whose: str = "",
) -> None:
    """Listen to `response`, which is made of the host's `stream`. With `drains` it outlives its client, one of `whose`.

    `ended` is called when it is over, whoever ended it, and the host has had its say.
    """
    heard.is_listened_to = True
    if heard.chunks is None and stream is not None:
        heard.chunks = chunks_of(stream)
    streaming: Any = response
    upstream = getattr(response, "upstream_generator", None)
    if drains is None or upstream is None:  # without the latter nothing is asked any more: it is an error's
        response.body_iterator = _overheard(response.body_iterator, heard, ended)
        return
    outliving = Outliving(response.body_iterator, upstream, heard, ended, drains=drains, whose=whose)
    response.body_iterator = outliving
    streaming._upstream_generator = outliving  # the host closes it when the client is gone, even if nothing was read


def patient(request: Request) -> Request:
    """The same, from a client that waits for the first word: the host stops calls for those that do not.

    Once there is a first word, the response's own client counts, who is gone then.
    """
    told = False

    async def receive() -> MutableMapping[str, Any]:
        nonlocal told
        if told:
            await asyncio.Event().wait()
        told = True
        return {"type": "http.request", "body": await request.body(), "more_body": False}

    return Request(request.scope, receive)


@dataclass(frozen=True, slots=True)
class _End:
    """The last that is read."""

    fault: Exception | None


class Outliving:
    """A stream that is read by a task of its own. Its client reads what that has read, and may leave."""

    def __init__(
        self, chunks: Any, upstream: Any, heard: Heard, ended: Callable[[], None], *, drains: Drains, whose: str
    ) -> None:
        self._chunks, self._upstream, self._heard, self._ended = chunks, upstream, heard, ended
        self._drains, self._whose = drains, whose
        self._read: asyncio.Queue[Any] = asyncio.Queue(_AHEAD)
        self._task: asyncio.Task[None] | None = None
        self._is_begun = self._is_alone = self._is_over = False

    @property
    def task(self) -> asyncio.Task[None]:
        """What reads it; begun when it is asked for."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._reading())
        return self._task

    def give_up(self) -> None:
        """Read no more of it: the host is told that its client has left."""
        self._heard.left = True
        if self._is_begun:  # what has not begun sees it when it begins; cancelled, it would never close anything
            self.task.cancel()

    def __aiter__(self) -> Outliving:
        return self

    async def __anext__(self) -> Any:
        if self._is_over or (self.task.cancelled() and self._read.empty()):
            raise StopAsyncIteration
        item = await self._read.get()
        if not isinstance(item, _End):
            return item
        self._is_over = True
        raise item.fault or StopAsyncIteration

    async def aclose(self) -> None:
        """Its client is gone, or has read it all."""
        if self._is_alone:
            return
        self._is_alone = True
        while not self._read.empty():  # so that who waits for room goes on
            self._read.get_nowait()
        if self._is_over or (self._task is not None and self._task.done()):
            return
        task = self.task
        if not self._drains.take(self, task, self._whose):
            self.give_up()

    async def _reading(self) -> None:
        fault, self._is_begun = None, True
        try:
            while not self._heard.left:
                chunk = await anext(self._chunks)
                self._heard.hear(chunk)
                if not self._is_alone:
                    await self._read.put(chunk)
        except StopAsyncIteration:
            pass
        except Exception as exc:  # noqa: BLE001 - told to whom it is read for
            fault = exc
        finally:
            for each in (self._chunks, self._upstream):
                with contextlib.suppress(Exception):
                    await each.aclose()
            _over(self._heard, self._ended)
        if not self._is_alone:
            await self._read.put(_End(fault))


async def _overheard(chunks: Any, heard: Heard, ended: Callable[[], None]) -> AsyncIterator[Any]:
    try:
        async for chunk in chunks:
            heard.hear(chunk)
            yield chunk
    except (asyncio.CancelledError, GeneratorExit):
        heard.left = True  # before the host, which is told next, says that it is over
        raise
    finally:
        with contextlib.suppress(AttributeError):
            await chunks.aclose()
        _over(heard, ended)


def _over(heard: Heard, ended: Callable[[], None]) -> None:
    heard.is_over = True
    if heard.when_over is not None:
        heard.when_over()
    asyncio.get_running_loop().call_later(_HOST_IS_DONE_S, ended)
