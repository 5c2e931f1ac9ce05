"""Whether the host asks for more under one request, or tries the same again, by what it has told of it so far."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import litellm
import pytest
from litellm.proxy._types import UserAPIKeyAuth
from starlette.responses import StreamingResponse

from litellm_plugins.budgets.amounts import Amounts
from litellm_plugins.budgets.backends.sqlite import SqliteLedger
from litellm_plugins.budgets.backends.sqlite_schema import SCHEMA
from litellm_plugins.budgets.enforcement import Enforcement
from litellm_plugins.budgets.policy import BudgetPolicy
from litellm_plugins.budgets.settling import Bookkeeper
from litellm_plugins.cache.own_calls import OwnCalls
from litellm_plugins.model import Identity, Request
from litellm_plugins.proxy.budgets import heard as budget_heard
from litellm_plugins.proxy.budgets import streams as budget_streams
from litellm_plugins.proxy.budgets.held import Held
from litellm_plugins.proxy.budgets.prices import PriceBook
from litellm_plugins.proxy.budgets.stage import HostBudgets, now_ms
from litellm_plugins.settings import parse
from litellm_plugins.storage.sqlite import SqliteFile
from litellm_plugins.telemetry.events import Telemetry

pytestmark = pytest.mark.filterwarnings(
    "ignore:Items? .* on TypedDict class:UserWarning"
)  # the host's, of its own models
PARAMS = {"model": "openai/gpt-4.1", "api_base": "http://127.0.0.1:1/v1", "api_key": "sk-x"}
BODY = {"model": "group", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 10}
ANSWER = '\n{"object": "chat.completion", "choices": [], "usage": {"prompt_tokens": 8, "completion_tokens": 10}}'


class Proxy:
    """One worker's budgets."""

    def __init__(self, folder: Path) -> None:
        settings = parse({"budgets": [{"name": "all", "limit_usd": 1}]})
        router = litellm.Router(model_list=[{"model_name": "group", "litellm_params": PARAMS}])
        self.ledger = SqliteLedger(SqliteFile(folder / "ledger.db", schema=SCHEMA, begins_anew=False))
        common: dict[str, Any] = {"clock_ms": now_ms, "failed": lambda _: None}
        self.budgets = HostBudgets(
            enforcement=Enforcement(policy=BudgetPolicy(settings), ledger=self.ledger, rules=settings.ledger, **common),
            bookkeeper=Bookkeeper(self.ledger, **common),
            book=PriceBook({}, router=lambda: router),
            rules=settings.ledger,
            telemetry=Telemetry([]),
        )

    async def asked(self) -> Held:
        request = Request("chat", "group", (), {}, Identity(key_id="k"))
        held = await self.budgets.admit("call", request, dict(BODY), UserAPIKeyAuth(), OwnCalls())
        await self.ask(held)
        return held

    async def ask(self, held: Held) -> None:
        await self.budgets.at_deployment(held, {**BODY, **PARAMS}, {"model_group": "group"}, "acompletion")
        self.budgets.asked(held)

    async def reserved(self) -> Amounts:
        (balance,) = await self.ledger.balances(now_ms=now_ms())
        return balance.reserved


@pytest.mark.parametrize("raw", [None, object(), "first stream response received"])
async def test_a_stream_that_broke_before_its_first_word_is_tried_again_under_one_reservation(
    tmp_path: Path, raw: object
) -> None:
    proxy = Proxy(tmp_path)
    held = await proxy.asked()
    before = await proxy.reserved()
    proxy.budgets.heard_from(held, raw)  # as the host tells of a stream that has begun, by provider

    await proxy.ask(held)
    assert held.further == []
    assert await proxy.reserved() == before


async def test_after_an_answer_the_next_is_another_call(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path)
    held = await proxy.asked()
    proxy.budgets.heard_from(held, ANSWER)

    await proxy.ask(held)
    assert len(held.further) == 1
    assert held.settled
    assert held.paid == Amounts(8 * 2_000 + 10 * 8_000, 18, 1)


async def test_what_had_come_of_a_stream_that_is_begun_anew_is_booked_with_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host asks again while it handles what broke the first try; the provider bills both."""
    said = [b'data: {"choices": [{"delta": {"content": "Hello"}}]}\n']
    monkeypatch.setattr(budget_heard, "unread", lambda fault, _: said if isinstance(fault, ConnectionError) else [])
    proxy = Proxy(tmp_path)
    held = await proxy.asked()
    try:
        raise ConnectionError
    except ConnectionError:
        await proxy.ask(held)
    logged = {"prompt_tokens": 8, "completion_tokens": 10, "total_tokens": 18}
    await proxy.budgets.succeeded(held, {"response_cost": 0.000096, "standard_logging_object": logged})
    assert held.further == []
    assert held.paid == Amounts(96_000 + 8 * 2_000 + 1 * 8_000, 18 + 8 + 1, 1)


async def test_the_end_of_a_cheap_answer_s_stream_settles_that_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dearer tier is still at it."""

    async def words() -> AsyncIterator[bytes]:
        yield b'data: {"choices": []}\n\n'

    monkeypatch.setattr(budget_streams, "_HOST_IS_DONE_S", 0.5)
    proxy = Proxy(tmp_path)
    cheap = await proxy.asked()
    response = StreamingResponse(words())
    proxy.budgets.overhear(cheap, cheap, response, None, lambda: None)
    assert [chunk async for chunk in response.body_iterator]
    proxy.budgets.left_behind(cheap)
    await proxy.ask(cheap)
    [dearer] = cheap.further
    async with asyncio.timeout(5):
        # It is marked as settled, and then booked.
        while not (cheap.settled and await proxy.reserved() == dearer.admission.amount):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not dearer.settled
