"""One stream on its way, without a host: what is a stall, and which streams are left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from litellm_plugins.early_stop.watch import Watch
from litellm_plugins.model import Identity, Request, StopRule
from litellm_plugins.proxy.budgets.heard import Heard
from litellm_plugins.proxy.early_stop import stage as early_stop
from litellm_plugins.proxy.wire.stopping import ChatTeller
from litellm_plugins.settings.early_stop import StopRules
from tests.unit.admission.timeless import timeless

pytestmark = pytest.mark.filterwarnings("ignore")  # the host's, of its own models
STALL_S = 0.1


class Stops:
    """The stage, with rules of its own."""

    def __init__(self, rules: StopRules) -> None:
        self.rules = rules
        self.told: list[StopRule] = []

    async def watching(self, *_: Any) -> Watch:
        return Watch(self.rules)

    def tokenizer(self, _: Any) -> str:
        return "gpt-4o"

    async def counted(self, *_: Any) -> tuple[int, int]:
        return 1, 1

    def tell(self, _: Any, stop: Any, __: int) -> None:
        self.told.append(stop.rule)


async def words(count: int, every_s: float = 0.0) -> AsyncIterator[bytes]:
    for number in range(count):
        await asyncio.sleep(every_s)
        choice = {"index": 0, "delta": {"content": f"word{number} "}, "finish_reason": None}
        yield b"data: " + orjson.dumps({"id": "1", "choices": [choice]}) + b"\n\n"


async def heard(chunks: AsyncIterator[bytes], *, client_takes_s: float, **more: Any) -> tuple[list[StopRule], str]:
    """The rules that have ended the stream, and what a client got that takes so long for each chunk."""
    rules = StopRules(enabled=True, **({"stall_s": STALL_S} | more))
    stops: Any = Stops(rules)
    call: Any = SimpleNamespace(heard=Heard(), stopped=None, kwargs=None)
    ticket: Any = SimpleNamespace(stream=None, source=None, output=None, stopped=None)
    response: Any = SimpleNamespace(body_iterator=chunks)
    stream = early_stop._Stream(stops, ticket, call, rules, ChatTeller(), response)
    got = b""
    async for chunk in stream.told():
        got += chunk
        await asyncio.sleep(client_takes_s)
    return stops.told, got.decode()


def test_a_client_that_is_slow_to_read_is_no_stall() -> None:
    stops, got = timeless(heard(words(4, every_s=STALL_S / 10), client_takes_s=2 * STALL_S))
    assert stops == []
    assert "word3" in got


def test_a_provider_that_says_nothing_is_one() -> None:
    stops, got = timeless(heard(words(4, every_s=3 * STALL_S), client_takes_s=0))
    assert stops == [StopRule.STALL]
    assert "word3" not in got
    assert got.endswith("data: [DONE]\n\n")


async def in_pieces(chunks: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """With carriage returns, as some providers end their lines, and cut anywhere."""
    raw = b"".join([chunk async for chunk in chunks]).replace(b"\n", b"\r\n")
    for at in range(0, len(raw), size):
        yield raw[at : at + size]


@pytest.mark.parametrize("size", [1, 50, 100_000])
def test_lines_that_end_with_a_carriage_return_are_lines(size: int) -> None:
    stops, got = timeless(heard(in_pieces(words(8), size), client_takes_s=0, max_tokens=6))
    assert stops == [StopRule.TOKEN_CAP]
    assert "word1" in got
    assert "word5" not in got


@pytest.mark.parametrize(
    ("parameters", "prompt", "several"),
    [
        ({}, "Why?", False),
        ({"n": 1}, [5, 7, 9], False),
        ({"n": 2}, "Why?", True),
        ({"best_of": 2}, "Why?", True),
        ({}, ["Why?", "How?"], True),
        ({}, [[5, 7], [9]], True),
    ],
)
def test_streams_of_several_answers_are_known_before_the_first_word(
    parameters: dict[str, Any], prompt: Any, several: bool
) -> None:
    said = ({"role": "user", "content": prompt},)
    asked = Request("completions", "m", said, parameters, Identity(key_id="k"))
    assert early_stop._is_of_several(asked) is several


def test_what_had_come_when_it_was_stopped_was_generated_too() -> None:
    """On a busy proxy many words wait to be read: the provider has sent them, and bills them."""
    heard: list[list[str]] = []

    class Counting(Stops):
        async def counted(self, _: Any, __: Any, said: list[str]) -> tuple[int, int]:
            heard.append(list(said))
            return 1, len(said)

    async def at_once_and_then() -> AsyncIterator[bytes]:
        yield b"".join([chunk async for chunk in words(8)])  # in one piece: the stop is in its middle
        async for chunk in words(3):  # has come as well
            yield chunk
        await asyncio.sleep(60)  # nothing more is there to be read
        yield b"data: never\n\n"

    async def run() -> str:
        stops: Any = Counting(StopRules(enabled=True, max_tokens=4))
        decision = SimpleNamespace(request=Request("chat", "m", (), {}, Identity(key_id="k")))
        call: Any = SimpleNamespace(heard=Heard(), stopped=None, kwargs=None, decision=decision)
        ticket: Any = SimpleNamespace(stream=None, source=None, output=None, stopped=None)
        response: Any = SimpleNamespace(body_iterator=at_once_and_then())
        stream = early_stop._Stream(stops, ticket, call, stops.rules, ChatTeller(), response)
        return b"".join([chunk async for chunk in stream.told()]).decode()

    got = asyncio.run(asyncio.wait_for(run(), 5))
    assert heard == [[f"word{n} " for n in (*range(8), *range(3))]]
    assert "word1" in got
    assert "word5" not in got, "its client gets no more than the rule allows"
