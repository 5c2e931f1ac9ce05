"""Stage 5 with LLMLingua-2's process beside it: what is sent when that is there, late, busy or gone."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.model import Identity, Layer, Reason, Request
from litellm_plugins.pipeline import Decision
from litellm_plugins.proxy.budgets.prices import PriceBook
from litellm_plugins.proxy.compression.stage import HostCompression, host_compression
from litellm_plugins.proxy.ticket import Ticket
from litellm_plugins.settings import Policies, parse
from litellm_plugins.telemetry.events import CacheDecided, Event, PromptCompressed, StageFailed, Telemetry
from tests.support.compressor import RunningSidecar
from tests.support.compressor_engine import SmallWords
from tests.support.pauses import WorstPause
from tests.support.waiting import eventually

ASKED = "What did the committee of note {0} not approve?"
SENTENCE = "The committee of place {0} met in the year {0} and did not approve of it: the costs were at 3.50. "


def text(number: int = 1, sentences: int = 40) -> str:
    """A long one, with its question."""
    return "".join(SENTENCE.format(f"{number}{at}") for at in range(sentences)) + f"\n\n{ASKED.format(number)}"


class Stage:
    """The stage, and what it told."""

    def __init__(self, url: str, **over: Any) -> None:
        self.events: list[Event] = []
        block = {"enabled": True, "methods": ["llmlingua"], "min_tokens": 100, "deadline_ms": 10_000, **over}
        block["llmlingua"] = {"url": url, **over.get("llmlingua", {})}
        settings, book = parse({"compression": block}), PriceBook({}, router=lambda: None)
        made = host_compression(settings, Policies(settings), book, Telemetry([self]), router=lambda: None)
        assert made is not None
        self.stage: HostCompression = made

    def record(self, event: Event) -> None:
        self.events.append(event)

    async def sent(self, content: str) -> str:
        data: dict[str, Any] = {"model": "gpt-4.1", "messages": [{"role": "user", "content": content}]}
        request = Request("chat", "gpt-4.1", (), {}, Identity(team_id="t"))
        event = CacheDecided(Layer.MISS, Reason.EMPTY, "chat", "gpt-4.1")
        ticket = Ticket(Decision(request, Policies(parse({})).base, Verdict(Layer.MISS, Reason.EMPTY), event))
        await self.stage.compress(ticket, data)
        self.stage.tell(ticket, data)
        await asyncio.sleep(0)
        made: str = data["messages"][0]["content"]
        return made

    @property
    def reason(self) -> str:
        return [event for event in self.events if isinstance(event, PromptCompressed)][-1].reason

    @property
    def failures(self) -> list[str]:
        return [event.reason for event in self.events if isinstance(event, StageFailed)]


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[RunningSidecar]:
    with RunningSidecar(SmallWords(), path=tmp_path / "s.sock") as running:
        yield running.ready()


@pytest.fixture
async def stage(sidecar: RunningSidecar) -> AsyncIterator[Stage]:
    made = Stage(sidecar.url)
    yield made
    await made.stage.aclose()


async def test_prose_goes_out_shorter_and_what_matters_stays(stage: Stage) -> None:
    sent = await stage.sent(text())
    assert stage.reason == "applied"
    assert len(sent) < 0.95 * len(text())
    assert sent.endswith(ASKED.format(1))
    assert sent.count("did not approve") == text().count("did not approve")
    assert sent.count("3.50") == text().count("3.50")
    assert "met year" in sent


async def test_the_same_text_is_asked_about_once(stage: Stage, sidecar: RunningSidecar) -> None:
    first = await stage.sent(text())
    asked = len(sidecar.engine.seen)
    assert await stage.sent(text()) == first
    assert len(sidecar.engine.seen) == asked == 1


async def test_settings_reach_the_model(sidecar: RunningSidecar) -> None:
    over = {"force_tokens": ["of the"], "force_digits": False, "target_tokens": 90}
    stage = Stage(sidecar.url, rate=0.25, llmlingua=over)
    await stage.sent(text())
    [wanted] = sidecar.engine.seen
    assert (wanted.rate, wanted.target_tokens, wanted.force_digits) == (0.25, 90, False)
    assert wanted.force_tokens == ("of the",)
    await stage.stage.aclose()


async def test_past_the_deadline_the_original_goes_out_and_stays_so(sidecar: RunningSidecar) -> None:
    stage = Stage(sidecar.url, deadline_ms=150)
    sidecar.engine.may_answer.clear()
    assert await stage.sent(text()) == text()
    assert stage.reason == "deadline"
    sidecar.engine.may_answer.set()
    await asyncio.to_thread(eventually, lambda: sidecar.desk.health().waiting == 0, what="the late text to be done")
    assert await stage.sent(text()) == text(), "the provider may know it as it was"
    assert stage.reason == "deadline"
    await stage.stage.aclose()


async def test_a_process_that_is_gone_costs_nothing_and_is_used_again_once_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "gone.sock"
    stage = Stage(f"unix:{path}")
    began = time.monotonic()
    assert await stage.sent(text(1)) == text(1)
    assert time.monotonic() - began < 1
    assert (stage.reason, stage.failures) == ("compressor_unavailable", ["llmlingua_unavailable"])
    with RunningSidecar(SmallWords(), path=path) as sidecar:
        sidecar.ready()
        await asyncio.sleep(0.6)  # the circuit lets one through after half a second
        assert await stage.sent(text(2)) != text(2)
        assert await stage.sent(text(1)) == text(1), "it went out as it was"
    await stage.stage.aclose()


async def test_where_the_process_fails_the_other_methods_do_their_part(tmp_path: Path) -> None:
    stage = Stage(f"unix:{tmp_path}/none.sock", methods=["llmlingua", "lossless"], min_saved=0.001)
    spaced = text().replace(". ", ".     \n\n\n\n")
    sent = await stage.sent(spaced)
    assert stage.reason == "applied"
    assert sent.split() == spaced.split()
    assert len(sent) < len(spaced)
    await stage.stage.aclose()


async def test_when_it_is_busy_the_original_goes_out(tmp_path: Path) -> None:
    with RunningSidecar(SmallWords(), most_waiting=1) as sidecar:
        stage = Stage(sidecar.ready().url)
        sidecar.engine.may_answer.clear()
        first = asyncio.create_task(stage.sent(text(1)))
        await asyncio.to_thread(eventually, lambda: sidecar.desk.health().waiting == 1, what="it to be at work")
        assert await stage.sent(text(2)) == text(2)
        assert (stage.reason, stage.failures) == ("busy", ["llmlingua_busy"])
        sidecar.engine.may_answer.set()
        assert await first != text(1)
        await stage.stage.aclose()


async def test_one_that_hangs_holds_up_the_event_loop_for_nobody(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        stage = Stage(
            f"http://127.0.0.1:{nobody.getsockname()[1]}",
            deadline_ms=2_000,
            features={"plain": {"methods": ["lossless"]}},
        )
        loop = asyncio.get_running_loop()
        waiting = [asyncio.create_task(stage.sent(text(at))) for at in range(8)]
        with WorstPause() as machine:  # a thread that does nothing: it is late where the machine is
            worst, until = 0.0, loop.time() + 1.0
            while loop.time() < until:
                began = loop.time()
                await asyncio.sleep(0.005)
                worst = max(worst, loop.time() - began)
        assert [await each for each in waiting] == [text(at) for at in range(8)]
        assert set(stage.failures) <= {"llmlingua_deadline", "llmlingua_busy"}
        assert worst < 0.5 + machine.worst_s
        await stage.stage.aclose()
