"""Old turns in the proxy's stage: when it is told that they went, and what is put back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from litellm_plugins.cache.verdict import Verdict
from litellm_plugins.model import Identity, Layer, Reason, Request
from litellm_plugins.pipeline import Decision
from litellm_plugins.proxy.budgets.prices import PriceBook
from litellm_plugins.proxy.compression.history import HostHistory
from litellm_plugins.proxy.compression.replaced import undone
from litellm_plugins.proxy.compression.stage import host_compression
from litellm_plugins.proxy.ticket import Ticket
from litellm_plugins.settings import Policies, parse
from litellm_plugins.telemetry.events import CacheDecided, HistoryCut, Telemetry
from tests.support.sinks import Heard

SETTINGS = parse({"compression": {"enabled": True, "min_tokens": 200, "history": {"max_tokens": 400, "keep_turns": 1}}})
LONG = "".join(f"Line {at}   of the   file.   \n\n\n\n" for at in range(200))
TURNS: list[dict[str, Any]] = [
    {"role": role, "content": f"{role} said {at}, and went on and on about it for as long as there was time to."}
    for at in range(20)
    for role in ("user", "assistant")
]


def _no_router() -> None:
    return None


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def stage(heard: Heard) -> Iterator[HostHistory]:
    book = PriceBook({}, router=_no_router)
    made = HostHistory(Policies(SETTINGS), book, Telemetry([heard]), router=_no_router)
    yield made
    asyncio.run(made.aclose())


def ticket() -> Ticket:
    request = Request("chat", "gpt-4.1", (), {}, Identity(team_id="t"))
    event = CacheDecided(Layer.MISS, Reason.EMPTY, "chat", "gpt-4.1")
    return Ticket(Decision(request, Policies(SETTINGS).base, Verdict(Layer.MISS, Reason.EMPTY), event))


def body(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return {"model": "gpt-4.1", "messages": list(messages)}


async def test_nothing_is_told_before_a_budget_has_had_its_say_and_then_once(stage: HostHistory, heard: Heard) -> None:
    """What is refused is not sent: nothing was saved."""
    asked, data = ticket(), body(TURNS)
    await stage.shorten(asked, data)
    assert len(data["messages"]) < len(TURNS)
    assert not heard.events
    stage.tell(asked)
    stage.tell(asked)
    [event] = heard.events
    assert isinstance(event, HistoryCut)
    assert event.turns_gone > 0


async def test_the_whole_conversation_is_put_back_though_later_stages_wrote_into_it(stage: HostHistory) -> None:
    """Else a request that is prepared anew is looked up, and stored, by what was left of it."""
    asked, data = ticket(), body(TURNS)
    await stage.shorten(asked, data)
    mark = {"type": "text", "text": "And?", "cache_control": {"type": "ephemeral"}}
    data["messages"] = [*data["messages"][:-1], {"role": "user", "content": [mark]}]
    stage.settle(asked, data)
    undone(asked, data)
    assert data["messages"] == TURNS


async def test_and_though_texts_were_made_shorter_after_it(stage: HostHistory, heard: Heard) -> None:
    whole = [*TURNS, {"role": "user", "content": f"{LONG}\n\nWhat is in line 7?"}]
    book, telemetry = PriceBook({}, router=_no_router), Telemetry([heard])
    compression = host_compression(SETTINGS, Policies(SETTINGS), book, telemetry, router=_no_router)
    assert compression is not None
    asked, data = ticket(), body(whole)
    await stage.shorten(asked, data)
    left = data["messages"]
    await compression.compress(asked, data)
    assert data["messages"] != left
    data["messages"] = [{"role": "system", "content": "Briefly."}, *data["messages"]]
    stage.settle(asked, data)
    compression.tell(asked, data)
    undone(asked, data)
    assert data["messages"] == whole
    await compression.aclose()
