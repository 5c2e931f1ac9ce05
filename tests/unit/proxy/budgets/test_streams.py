"""What was heard of a stream: how it ended, and its words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

from litellm_plugins.proxy.budgets.heard import End, Heard
from litellm_plugins.proxy.budgets.streams import overhear, patient

WORD = b'event: content_block_delta\ndata: {"type": "content_block_delta", "delta": {"text": "Hello"}}\n\n'
STOP = b'event: message_stop\ndata: {"type": "message_stop"}\n\n'
SPOKEN_STOP = b'data: {"type": "content_block_delta", "delta": {"text": "message_stop data: [DONE]"}}\n\n'
CHUNK, DONE = b'data: {"choices": [{"text": "Hello"}]}\n\n', b"data: [DONE]\n\n"


async def listened(*parts: bytes, breaks: bool = False, leave_after: int | None = None) -> Heard:
    """What is heard of a stream of `parts`, which its client may leave."""

    async def stream() -> AsyncIterator[bytes]:
        for part in parts:
            yield part
        if breaks:
            raise ConnectionError

    heard, response = Heard(), StreamingResponse(stream())
    overhear(response, None, heard, lambda: None)
    told: Any = response.body_iterator
    try:
        for _ in range(len(parts) + 1 if leave_after is None else leave_after):
            await anext(told)
    except (StopAsyncIteration, ConnectionError):
        pass
    await told.aclose()
    return heard


@pytest.mark.parametrize(
    ("parts", "end"),
    [
        ((WORD, STOP), "whole"),
        ((WORD, STOP[:20], STOP[20:]), "whole"),
        ((WORD,), "broke"),
        ((WORD, SPOKEN_STOP), "broke"),
        ((WORD, DONE), "broke"),
        ((CHUNK, DONE), "whole"),
        ((CHUNK,), "broke"),
        ((), "broke"),
    ],
)
@pytest.mark.parametrize("breaks", [False, True])
async def test_a_stream_is_whole_where_its_provider_said_so(parts: tuple[bytes, ...], end: End, breaks: bool) -> None:
    assert (await listened(*parts, breaks=breaks)).end == end


async def test_who_leaves_before_the_end_is_told_from_who_leaves_after_it() -> None:
    assert (await listened(WORD, WORD, STOP, leave_after=2)).end == "left"
    assert (await listened(WORD, STOP, WORD, leave_after=2)).end == "whole"


async def test_a_client_that_is_cut_off_while_it_waits_has_left() -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield WORD
        await asyncio.Event().wait()

    heard, response = Heard(), StreamingResponse(stream())
    overhear(response, None, heard, lambda: None)
    told: Any = response.body_iterator
    await anext(told)
    waiting = asyncio.ensure_future(anext(told))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert heard.end == "left"


async def test_where_the_host_translates_what_its_provider_sent_counts() -> None:
    heard = await listened(WORD, STOP)  # an end that the host made up
    heard.chunks = [SimpleNamespace(choices=[SimpleNamespace(finish_reason=None)])]
    ends = [heard.end]
    heard.chunks += [SimpleNamespace(choices=[SimpleNamespace(finish_reason="stop")])]
    assert [*ends, heard.end] == ["broke", "whole"]


async def test_a_stream_that_nobody_listened_to_ends_unknown() -> None:
    assert Heard(chunks=[]).end == "unknown"


async def test_what_was_said_is_counted() -> None:
    assert await (await listened(WORD, WORD)).tokens("gpt-4.1") == (None, 2)


async def test_who_waits_for_the_first_word_is_not_seen_to_leave() -> None:
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    request = Request({"type": "http", "headers": []}, gone)
    request._body = b"asked"  # the host has read it by then
    waiting = patient(request)
    assert await request.is_disconnected()
    assert not await waiting.is_disconnected()
    assert await patient(request).body() == b"asked"
