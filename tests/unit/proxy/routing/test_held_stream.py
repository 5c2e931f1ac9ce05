"""A stream that is held until it is judged reaches its client whole, however long it takes and whoever leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.responses import StreamingResponse

from litellm_plugins.proxy.routing import held_stream
from litellm_plugins.proxy.routing.held_stream import HeldStream


def event(text: str, finish: str = "null") -> bytes:
    return b'data: {"choices": [{"index": 0, "delta": {"content": "%b"}, "finish_reason": %b}]}\n\n' % (
        text.encode(),
        finish.encode(),
    )


EVENTS = [event("Paris "), event("it is."), event("", '"stop"'), b"data: [DONE]\n\n"]


class Source:
    """Of a stream that waits before its third event until it is let go on."""

    def __init__(self) -> None:
        self.go_on, self.left = asyncio.Event(), False

    async def events(self) -> AsyncIterator[bytes]:
        try:
            for number, each in enumerate(EVENTS):
                if number == 2:
                    await self.go_on.wait()
                yield each
        finally:
            self.left = True


def held(source: Source) -> HeldStream:
    return HeldStream(StreamingResponse(source.events()))


async def told(stream: HeldStream) -> list[bytes]:
    return [bytes(each) async for each in stream.tell().body_iterator]  # type: ignore[arg-type]  # bytes here


async def test_it_is_read_to_its_end_and_told_as_it_came() -> None:
    source = Source()
    source.go_on.set()
    stream = held(source)
    answer = await stream.read(None, within_s=5)

    assert answer is not None
    assert (answer.text, answer.ending, answer.whole) == ("Paris it is.", "stop", True)
    assert await told(stream) == EVENTS


async def test_what_takes_too_long_is_told_as_it_comes() -> None:
    source = Source()
    stream = held(source)
    assert await stream.read(None, within_s=0.02) is None

    chunks = aiter(stream.tell().body_iterator)
    assert [await anext(chunks), await anext(chunks)] == EVENTS[:2]
    waiting = asyncio.ensure_future(anext(chunks))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    source.go_on.set()
    assert [await waiting, await anext(chunks)] == EVENTS[2:]
    with pytest.raises(StopAsyncIteration):
        await anext(chunks)
    assert source.left


async def test_what_is_too_long_is_not_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_stream, "_MOST_HELD", len(EVENTS[0]) + 1)
    source = Source()
    stream = held(source)
    assert await stream.read(None, within_s=5) is None

    source.go_on.set()
    assert await told(stream) == EVENTS


async def test_who_leaves_while_it_is_late_ends_it() -> None:
    source = Source()
    stream = held(source)
    assert await stream.read(None, within_s=0.02) is None

    async def client() -> None:
        await told(stream)

    reading = asyncio.create_task(client())
    await asyncio.sleep(0.02)
    reading.cancel()
    await asyncio.wait({reading})
    for _ in range(10):
        await asyncio.sleep(0)
    assert source.left


async def test_who_leaves_while_it_is_held_ends_it() -> None:
    source = Source()
    stream = held(source)
    reading = asyncio.create_task(stream.read(None, within_s=5))
    await asyncio.sleep(0.02)
    reading.cancel()
    await asyncio.wait({reading})
    for _ in range(10):
        await asyncio.sleep(0)
    assert reading.cancelled()
    assert stream._reading is not None
    assert stream._reading.cancelled()
