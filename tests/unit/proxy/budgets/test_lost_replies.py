"""A ledger whose reply is lost has reserved all the same: nothing of it may stay until the lease ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import litellm
import pytest
from litellm.proxy._types import UserAPIKeyAuth

from litellm_plugins.budgets.amounts import NOTHING, Amounts
from litellm_plugins.budgets.backends.sqlite import SqliteLedger
from litellm_plugins.budgets.backends.sqlite_schema import SCHEMA
from litellm_plugins.budgets.enforcement import Enforcement
from litellm_plugins.budgets.ledger import Denied, Granted, Line
from litellm_plugins.budgets.policy import BudgetPolicy
from litellm_plugins.budgets.settling import Bookkeeper
from litellm_plugins.cache.own_calls import OwnCalls
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.model import Identity, Request
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


class LossyLedger(SqliteLedger):
    """Reserves, and the reply is lost; or never comes."""

    never = False

    async def reserve(
        self, call_id: str, lines: Sequence[Line], amount: Amounts, *, now_ms: int, lease_ms: int
    ) -> Granted | Denied:
        await super().reserve(call_id, lines, amount, now_ms=now_ms, lease_ms=lease_ms)
        if self.never:
            await asyncio.sleep(60)
        raise StoreUnavailable("store_timeout")


class Proxy:
    """One worker's budgets."""

    def __init__(self, folder: Path, on_ledger_failure: str) -> None:
        budget = {"name": "all", "limit_usd": 1, "on_ledger_failure": on_ledger_failure}
        settings = parse({"budgets": [budget]})
        router = litellm.Router(model_list=[{"model_name": "group", "litellm_params": PARAMS}])
        self.ledger = LossyLedger(SqliteFile(folder / "ledger.db", schema=SCHEMA, begins_anew=False))
        common: dict[str, Any] = {"clock_ms": now_ms, "failed": lambda _: None}
        self.books = Bookkeeper(self.ledger, **common)
        self.budgets = HostBudgets(
            enforcement=Enforcement(policy=BudgetPolicy(settings), ledger=self.ledger, rules=settings.ledger, **common),
            bookkeeper=self.books,
            book=PriceBook({}, router=lambda: router),
            rules=settings.ledger,
            telemetry=Telemetry([]),
        )

    async def ask(self) -> Held:
        request = Request("chat", "group", (), {}, Identity(key_id="k"))
        return await self.budgets.admit("call", request, dict(BODY), UserAPIKeyAuth(), OwnCalls())

    async def reserved(self) -> Amounts:
        (balance,) = await self.ledger.balances(now_ms=now_ms())
        return balance.reserved


@pytest.mark.parametrize("on_ledger_failure", ["deny", "allow"])
async def test_a_request_that_ends_without_a_call_lets_go_of_it(tmp_path: Path, on_ledger_failure: str) -> None:
    proxy = Proxy(tmp_path, on_ledger_failure)
    held = await proxy.ask()
    assert held.admission.is_denied is (on_ledger_failure == "deny")
    assert await proxy.reserved() != NOTHING

    await proxy.budgets.failed(held, {}, streamed=False)
    assert await proxy.reserved() == NOTHING


async def test_who_goes_away_while_the_ledger_is_asked_leaves_nothing_behind(tmp_path: Path) -> None:
    proxy = Proxy(tmp_path, "deny")
    proxy.ledger.never = True
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await proxy.ask()
    assert await proxy.reserved() != NOTHING

    await proxy.books.pay()
    assert await proxy.reserved() == NOTHING


async def test_releases_do_not_crowd_out_what_is_owed(tmp_path: Path) -> None:
    books = Proxy(tmp_path, "deny").books
    for number in range(2_000):
        books.release(f"call {number}")
    assert books.owed == 1_000
