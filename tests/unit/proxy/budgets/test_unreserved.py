"""What is spent without a reservation, or before one is given up, is booked all the same."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from pathlib import Path
from typing import Any

import litellm
import pytest
from litellm.proxy._types import UserAPIKeyAuth

from litellm_plugins.budgets.amounts import NOTHING, Amounts
from litellm_plugins.budgets.backends.sqlite import SqliteLedger
from litellm_plugins.budgets.backends.sqlite_schema import SCHEMA
from litellm_plugins.budgets.enforcement import Enforcement
from litellm_plugins.budgets.estimate import Price
from litellm_plugins.budgets.policy import BudgetPolicy
from litellm_plugins.budgets.settling import Bookkeeper
from litellm_plugins.cache.own_calls import OwnCalls
from litellm_plugins.model import Identity, Request
from litellm_plugins.proxy.budgets.held import Held
from litellm_plugins.proxy.budgets.prices import PriceBook
from litellm_plugins.proxy.budgets.stage import HostBudgets, now_ms
from litellm_plugins.proxy.budgets.streams import overhear
from litellm_plugins.proxy.budgets.tasks import is_busy
from litellm_plugins.settings import parse
from litellm_plugins.storage.sqlite import SqliteFile
from litellm_plugins.telemetry.events import Telemetry

pytestmark = pytest.mark.filterwarnings(
    "ignore:Items? .* on TypedDict class:UserWarning"
)  # the host's, of its own models
PARAMS = {"model": "openai/gpt-4.1", "api_base": "http://127.0.0.1:1/v1", "api_key": "sk-x"}
BODY = {"model": "group", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 10}
REQUEST = Request("chat", "group", (), {}, Identity(key_id="k"))
LOGGED = {"response_cost": 0.00005, "standard_logging_object": {"prompt_tokens": 5, "completion_tokens": 5}}
WORD = b'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\n'


class Worker:
    """Its budgets."""

    def __init__(self, folder: Path, **ledger: Any) -> None:
        settings = parse({"budgets": [{"name": "all", "limit_usd": 1}], "ledger": ledger})
        router = litellm.Router(model_list=[{"model_name": "group", "litellm_params": PARAMS}])
        self.file = SqliteFile(folder / "ledger.db", schema=SCHEMA, begins_anew=False)
        self.ledger = SqliteLedger(self.file)
        common: dict[str, Any] = {"clock_ms": now_ms, "failed": lambda _: None}
        self.budgets = HostBudgets(
            enforcement=Enforcement(policy=BudgetPolicy(settings), ledger=self.ledger, rules=settings.ledger, **common),
            bookkeeper=Bookkeeper(self.ledger, **common),
            book=PriceBook({}, router=lambda: router),
            rules=settings.ledger,
            telemetry=Telemetry([]),
        )

    async def called(self) -> Held:
        """A request whose provider is at work."""
        held = await self.budgets.admit("call", REQUEST, dict(BODY), UserAPIKeyAuth(), OwnCalls())
        await self.budgets.at_deployment(held, {**BODY, **PARAMS}, {"model_group": "group"})
        assert held.prompt_tokens == 8
        return held

    async def spent(self) -> Amounts:
        """Once nothing is under way any more."""
        while is_busy():  # noqa: ASYNC110 - there is nobody who would tell
            await asyncio.sleep(0.01)
        ledger = SqliteLedger(SqliteFile(self.file.path, schema=SCHEMA, begins_anew=False))
        held = await ledger.balances(now_ms=now_ms())
        await ledger.aclose()
        assert [each.reserved for each in held if each.reserved != NOTHING] == []
        return held[0].spent if held else NOTHING


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return Worker(tmp_path)


async def test_a_hit_that_a_model_was_asked_for_all_the_same_is_booked(worker: Worker) -> None:
    unheld = worker.budgets.unreserved.hit("call", REQUEST, BODY, UserAPIKeyAuth(), OwnCalls())
    unheld({**LOGGED, "cache_hit": True})
    assert await worker.spent() == NOTHING
    unheld(LOGGED)
    assert await worker.spent() == Amounts(50_000, 10, 1)


async def test_a_request_that_is_prepared_anew_pays_for_prompts_that_were_left(worker: Worker) -> None:
    held = await worker.called()
    worker.budgets.attempt_failed(held, timeout_while_reading())
    assert held.left == [Price(Fraction(2_000), Fraction(8_000))]
    await worker.budgets.released(held)
    assert await worker.spent() == Amounts(16_000, 8, 0)


@pytest.mark.parametrize("left_streams", ["drain", "heard"])
async def test_a_stream_that_is_over_is_booked_when_the_worker_ends(tmp_path: Path, left_streams: str) -> None:
    """Its host never said what became of it."""
    worker = Worker(tmp_path, left_streams=left_streams)
    held = await worker.called()
    held.heard.streams = True

    async def words() -> Any:
        for _ in range(3):
            yield WORD
        await asyncio.Event().wait()

    upstream = words()
    response: Any = type("Response", (), {"body_iterator": upstream, "upstream_generator": upstream})()
    worker.budgets.overhear(held, held, response, None, lambda: None)
    for _ in range(3):
        await anext(response.body_iterator)
    await response.body_iterator.aclose()
    await worker.budgets.aclose()
    assert held.settled
    assert await worker.spent() == Amounts(8 * 2_000 + 3 * 8_000, 11, 1)


async def test_a_streamed_success_that_the_host_counts_nothing_of_is_booked_as_heard(worker: Worker) -> None:
    """Legacy completions of chat models."""
    held = await worker.called()
    held.heard.streams = True
    overhear(type("Response", (), {"body_iterator": None})(), None, held.heard, lambda: None)
    held.heard.hear(WORD + b"data: [DONE]\n\n")
    await worker.budgets.succeeded(held, {"response_cost": 0.0, "standard_logging_object": {}})
    assert await worker.spent() == Amounts(8 * 2_000 + 8_000, 9, 1)


def timeout_while_reading() -> Exception:
    import httpx

    try:
        raise httpx.ReadTimeout("slow")
    except httpx.ReadTimeout as exc:
        told = litellm.Timeout("slow", "gpt-4.1", "openai")
        told.__cause__ = exc
        return told
