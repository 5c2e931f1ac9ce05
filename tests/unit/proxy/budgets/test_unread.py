"""What had come in when a connection broke is found in what the host's HTTP client raised."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import httpx
import pytest
from litellm.llms.custom_httpx.aiohttp_transport import LiteLLMAiohttpTransport

from litellm_plugins.proxy.budgets.unread import unread

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture
async def breaking() -> AsyncIterator[str]:
    """A provider that sends two words and then hangs up, long before it is done."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"5\r\nfirst\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"6\r\nsecond\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    server.close()


async def broken(url: str, *, busy_s: float, cut: bool = False) -> tuple[list[bytes], Exception]:
    """What the host's client reads of it, a moment busy with others after the first word; and what it raises.

    `cut` off its causes, as the host's router does for responses.
    """
    read: list[bytes] = []
    async with aiohttp.ClientSession() as session:
        client = httpx.AsyncClient(transport=LiteLLMAiohttpTransport(client=session))
        async with client.stream("GET", url) as response:
            try:
                async for piece in response.aiter_bytes():
                    read.append(piece)
                    await asyncio.sleep(busy_s)
            except httpx.HTTPError as exc:
                if cut:
                    exc.__cause__ = exc.__context__ = None
                try:
                    raise RuntimeError("as the host says it") from exc
                except RuntimeError as told:
                    return read, told
    raise AssertionError("it did not break")


@pytest.mark.parametrize("cut", [False, True])
async def test_what_came_while_nobody_read_is_found(breaking: str, cut: bool) -> None:
    read, fault = await broken(breaking, busy_s=0.2, cut=cut)
    assert read == [b"first"]
    assert unread(fault, set()) == [b"second"]


async def test_what_was_read_is_not_found_again(breaking: str) -> None:
    read, fault = await broken(breaking, busy_s=0)
    assert b"".join(read + unread(fault, set())) == b"firstsecond"
    assert b"first" not in b"".join(unread(fault, set()))


@pytest.mark.parametrize("fault", [None, ValueError("nothing of the kind")])
def test_other_faults_bring_nothing(fault: Exception | None) -> None:
    assert unread(fault, set()) == []


async def test_of_tries_that_broke_one_after_the_other_each_is_found_apart(breaking: str) -> None:
    _, first = await broken(breaking, busy_s=0.2)
    _, last = await broken(breaking, busy_s=0.2)
    last.__context__ = first
    known: set[aiohttp.StreamReader] = set()
    assert unread(last, known) == [b"second", b"second"]
    assert unread(first, known) == []
