"""A stream that is read on when its client leaves: to its end, within bounds, and closed whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from litellm_plugins.proxy.budgets.drains import Drains
from litellm_plugins.proxy.budgets.heard import Heard
from litellm_plugins.proxy.budgets.streams import Outliving

WORD, DONE = b'data: {"choices": [{"text": "Hello"}]}\n\n', b"data: [DONE]\n\n"


class Host:
    """What the host would stream: `words`, each once `more` says so, and then the end."""

    def __init__(self, words: int = 3, fault: Exception | None = None) -> None:
        self.words, self.fault = words, fault
        self.more = asyncio.Event()
        self.sent, self.closed = 0, ""
        self.heard = Heard(is_listened_to=True)

    async def stream(self) -> AsyncIterator[bytes]:
        try:
            for _ in range(self.words):
                self.sent += 1
                yield WORD
                await self.more.wait()
            if self.fault is not None:
                raise self.fault
            yield DONE
            self.closed = "whole"
        except (asyncio.CancelledError, GeneratorExit):
            self.closed = "left"
            raise

    async def begun(self, drains: Drains, whose: str = "team:support") -> Outliving:
        """The stream when its first word has been read, as the host does before it answers."""
        upstream = self.stream()
        first = await anext(upstream)

        async def combined() -> AsyncIterator[bytes]:
            yield first
            async for chunk in upstream:
                yield chunk

        return Outliving(combined(), upstream, self.heard, lambda: None, drains=drains, whose=whose)


Leave = Callable[[Outliving], Awaitable[None]]


async def after_a_word(stream: Outliving) -> None:
    assert await anext(stream) == WORD
    await stream.aclose()


async def while_it_waits(stream: Outliving) -> None:
    await anext(stream)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await stream.aclose()


async def before_the_first_word(stream: Outliving) -> None:
    await stream.aclose()
    await stream.aclose()


LEAVES = pytest.mark.parametrize("leave", [after_a_word, while_it_waits, before_the_first_word])


async def over(stream: Outliving) -> None:
    await asyncio.wait([stream.task], timeout=5)
    assert stream.task.done()


@LEAVES
async def test_a_stream_that_is_left_is_read_to_its_end(leave: Leave) -> None:
    host = Host()
    stream = await host.begun(Drains(at_once=1, seconds=60))
    await leave(stream)
    host.more.set()
    await over(stream)
    assert (host.heard.end, host.closed, host.heard.is_over) == ("whole", "whole", True)
    assert await host.heard.tokens("gpt-4.1") == (None, 3)


@LEAVES
async def test_one_too_many_is_given_up_at_once(leave: Leave) -> None:
    drains, first, second = Drains(at_once=1, seconds=60), Host(), Host()
    kept, given_up = await first.begun(drains), await second.begun(drains)
    await leave(kept)
    await leave(given_up)
    await over(given_up)
    assert (second.heard.end, second.closed) == ("left", "left")
    assert (first.closed, kept.task.done()) == ("", False)

    first.more.set()
    await over(kept)
    third = Host()
    third.more.set()
    again = await third.begun(drains)
    await leave(again)
    await over(again)
    assert third.heard.end == "whole"  # there is room again


async def test_a_team_that_leaves_many_leaves_places_for_others() -> None:
    drains, hosts = Drains(at_once=8, seconds=60), list[tuple[Host, Outliving]]()

    async def left(whose: str, times: int) -> int:
        """How many of them are read on."""
        given_up = 0
        for _ in range(times):
            host = Host()
            stream = await host.begun(drains, whose)
            await after_a_word(stream)
            await asyncio.sleep(0.01)
            given_up += host.closed == "left"
            hosts.append((host, stream))
        return times - given_up

    assert [await left("team:loud", 20), await left("team:late", 20), await left("team:last", 1)] == [4, 2, 1]
    for host, stream in hosts:
        host.more.set()
        await over(stream)
    assert await left("team:last", 20) == 4
    await drains.aclose()


@LEAVES
async def test_one_that_takes_too_long_is_given_up(leave: Leave) -> None:
    host = Host()
    stream = await host.begun(Drains(at_once=1, seconds=0.05))
    await leave(stream)
    await over(stream)
    assert (host.heard.end, host.closed) == ("left", "left")


@LEAVES
async def test_at_the_end_of_the_worker_all_are_given_up(leave: Leave) -> None:
    drains, hosts = Drains(at_once=9, seconds=60), [Host(), Host()]
    for host in hosts:
        await leave(await host.begun(drains))
    await drains.aclose()
    assert [(host.heard.end, host.closed) for host in hosts] == [("left", "left")] * 2


async def test_a_provider_that_breaks_what_its_client_left_has_broken_it() -> None:
    host = Host(fault=ConnectionError())
    stream = await host.begun(Drains(at_once=1, seconds=60))
    await after_a_word(stream)
    host.more.set()
    await over(stream)
    assert host.heard.end == "broke"


async def test_who_stays_reads_it_all_and_learns_of_faults() -> None:
    host, drains = Host(), Drains(at_once=1, seconds=60)
    host.more.set()
    stream = await host.begun(drains)
    assert [chunk async for chunk in stream] == [WORD] * 3 + [DONE]
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    await stream.aclose()
    assert (host.heard.end, host.closed) == ("whole", "whole")

    host = Host(fault=ConnectionError("gone"))
    host.more.set()
    with pytest.raises(ConnectionError, match="gone"):
        assert [chunk async for chunk in await host.begun(drains)]


async def test_a_slow_client_holds_up_the_provider_until_it_leaves() -> None:
    host = Host(words=1_000)
    host.more.set()
    stream = await host.begun(Drains(at_once=1, seconds=60))
    await anext(stream)
    await asyncio.sleep(0.05)
    assert host.sent < 50
    await stream.aclose()
    await over(stream)
    assert (host.sent, host.heard.end) == (1_000, "whole")
