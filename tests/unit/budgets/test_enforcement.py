"""The stage on a real ledger: reserve, degrade before refusing, reprice, settle; and a ledger that is gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.budgets.amounts import Amounts
from litellm_plugins.budgets.backends.sqlite import SqliteLedger
from litellm_plugins.budgets.backends.sqlite_schema import SCHEMA
from litellm_plugins.budgets.enforcement import Admission, Caller, Change, Enforcement, Offer
from litellm_plugins.budgets.policy import BudgetPolicy
from litellm_plugins.budgets.settling import Bookkeeper
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.model import BudgetReason, BudgetState, Identity
from litellm_plugins.settings import parse
from litellm_plugins.storage.sqlite import SqliteFile

NOW = 1_800_000_000_000
CALLER = Caller(Identity(key_id="k", team_id="support"))
DOLLAR = 1_000_000_000


class Prices:
    """Dollars by model group; an answer whose length is capped costs a tenth."""

    def __init__(self, **dollars: float) -> None:
        self._dollars = dollars

    async def offer(self, model_group: str, max_tokens: int | None) -> Offer | None:
        if model_group not in self._dollars:
            return None
        nano = round(self._dollars[model_group] * DOLLAR)
        return Offer((model_group,), ("openai",), Amounts(nano if max_tokens is None else nano // 10, 100, 1))


class Stage:
    """One worker's, with a ledger in `folder`."""

    def __init__(self, folder: Path, *budgets: dict[str, Any], **ledger: Any) -> None:
        settings = parse({"budgets": [{"window": "1d", **each} for each in budgets], "ledger": ledger})
        self.file = folder / "ledger.db"
        self.ledger = SqliteLedger(SqliteFile(self.file, schema=SCHEMA, begins_anew=False))
        self.failures: list[str] = []
        self.prices = Prices(strong=1, weak=0.1)
        common: dict[str, Any] = {"clock_ms": lambda: NOW, "failed": self._failed}
        self.stage = Enforcement(policy=BudgetPolicy(settings), ledger=self.ledger, rules=settings.ledger, **common)
        self.books = Bookkeeper(self.ledger, **common)

    async def ask(self, call_id: str, model: str = "strong") -> Admission:
        return await self.stage.admit(call_id, CALLER, self.prices, model)

    async def held(self) -> tuple[int, int]:
        """Dollars spent and reserved, in thousandths."""
        balances = await self.ledger.balances(now_ms=NOW)
        mill = DOLLAR // 1_000
        return sum(b.spent.nano_usd for b in balances) // mill, sum(b.reserved.nano_usd for b in balances) // mill

    def _failed(self, exc: StoreUnavailable) -> None:
        self.failures.append(exc.reason)


async def test_what_may_be_spent_is_held_until_it_is_settled(tmp_path: Path) -> None:
    run = Stage(tmp_path, {"name": "all", "limit_usd": 2})
    assert [(await run.ask(call)).is_denied for call in ("a", "b", "c")] == [False, False, True]

    await run.books.settle("a", Amounts(DOLLAR // 2, 10, 1))
    await run.books.settle("a", Amounts(DOLLAR, 10, 1))
    assert await run.held() == (500, 1_000)
    assert (await run.ask("d", "weak")).reserved


async def test_what_no_budget_covers_reserves_nothing(tmp_path: Path) -> None:
    run = Stage(tmp_path, {"name": "sales", "scope": {"team": "sales"}, "limit_usd": 0})
    admission = await run.ask("a")
    assert (admission.verdict.reason, admission.reserved) == (BudgetReason.NO_BUDGET, False)
    assert not run.file.exists()


async def test_past_the_soft_mark_the_cheaper_model_is_reserved_in_place_of_the_dearer(tmp_path: Path) -> None:
    run = Stage(
        tmp_path, {"name": "all", "limit_usd": 4, "soft": [0.5], "on_soft": "degrade", "degrade": {"model": "weak"}}
    )
    states = [(await run.ask(call)).verdict.state for call in ("a", "b", "c")]

    assert states == [BudgetState.OK, BudgetState.OK, BudgetState.DEGRADED]
    assert await run.held() == (0, 2_100)


async def test_past_the_soft_mark_a_request_without_room_is_degraded_until_the_limit_is_reached(tmp_path: Path) -> None:
    """The cheaper call has room where the dearer one has none; a budget that is used up says what `on_hard` says."""
    run = Stage(
        tmp_path, {"name": "all", "limit_usd": "2.2", "soft": [0.9], "on_soft": "degrade", "degrade": {"model": "weak"}}
    )
    told = [(await run.ask(call)).verdict for call in ("a", "b", "c", "d", "e")]

    assert [each.state for each in told[:2]] == [BudgetState.OK] * 2
    assert [each.reason for each in told[2:4]] == [BudgetReason.DEGRADED_AT_LIMIT] * 2
    assert (told[4].state, told[4].reason) == (BudgetState.DENIED, BudgetReason.LIMIT_REACHED)
    assert await run.held() == (0, 2_200)


async def test_degrading_never_makes_a_routed_request_dearer(tmp_path: Path) -> None:
    """It was routed to a cheaper model than the one that the budget degrades to."""
    run = Stage(
        tmp_path, {"name": "all", "limit_usd": 4, "soft": [0.01], "on_soft": "degrade", "degrade": {"model": "strong"}}
    )
    await run.ask("a")
    lowered = {"strong": "weak"}
    again = await run.stage.admit("b", CALLER, run.prices, "weak", lowered.__getitem__)

    assert (again.verdict.state, again.change) == (BudgetState.DEGRADED, Change())
    assert await run.held() == (0, 1_100)


async def test_without_room_a_request_is_degraded_before_it_is_refused(tmp_path: Path) -> None:
    run = Stage(tmp_path, {"name": "all", "limit_usd": "0.15", "on_hard": "degrade", "degrade": {"max_tokens": 5}})
    first, second = await run.ask("a"), await run.ask("b")

    assert (first.verdict.reason, first.change and first.change.max_tokens) == (BudgetReason.DEGRADED_AT_LIMIT, 5)
    assert (second.verdict.state, second.verdict.reason) == (BudgetState.DENIED, BudgetReason.LIMIT_REACHED)
    assert await run.held() == (0, 100)


async def test_a_cheaper_model_that_may_not_be_asked_leaves_the_request_as_it_was(tmp_path: Path) -> None:
    run = Stage(
        tmp_path,
        {"name": "all", "limit_usd": 4, "soft": [0.5], "on_soft": "degrade", "degrade": {"model": "weak"}},
        {"name": "no-weak", "scope": {"model": "weak"}, "limit_usd": 0},
    )
    for call in ("a", "b"):
        await run.ask(call)
    third = await run.ask("c")

    assert (third.verdict.state, third.reserved, third.change) == (BudgetState.SOFT, True, None)
    assert await run.held() == (0, 3_000)


async def test_the_deployment_s_own_price_takes_the_place_of_the_estimate(tmp_path: Path) -> None:
    run = Stage(tmp_path, {"name": "all", "limit_usd": 2})
    held = await run.ask("a")
    cheaper = Offer(("weak",), ("openai",), Amounts(DOLLAR // 10, 100, 1))
    lowered = await run.stage.reprice("a", CALLER, held, cheaper)
    assert (lowered.reserved, await run.held()) == (True, (0, 100))

    dearer = Offer(("strong",), ("openai",), Amounts(3 * DOLLAR, 100, 1))
    refused = await run.stage.reprice("a", CALLER, lowered, dearer)
    assert (refused.verdict.reason, await run.held()) == (BudgetReason.ABOVE_LIMIT, (0, 100))


async def test_a_ledger_that_is_gone_refuses(tmp_path: Path) -> None:
    run = Stage(tmp_path, {"name": "all", "limit_usd": 2})
    await run.ask("before")
    run.file.chmod(0o444)

    assert (await run.ask("a")).verdict.reason is BudgetReason.LEDGER_UNAVAILABLE
    assert run.failures == ["store_read_only"]


async def test_a_ledger_that_is_gone_allows_by_config_and_is_told_later_what_it_missed(tmp_path: Path) -> None:
    run = Stage(tmp_path, {"name": "all", "limit_usd": 2, "on_ledger_failure": "allow"})
    await run.ask("before")
    run.file.chmod(0o444)
    admission = await run.ask("a")
    assert (admission.is_denied, admission.reserved) == (False, False)
    assert not await run.books.settle("before", Amounts(DOLLAR // 4, 10, 1))
    assert not await run.books.settle("a", Amounts(DOLLAR // 2, 10, 1), lines=admission.lines)
    assert run.books.owed == 2

    run.file.chmod(0o600)
    await run.books.pay()
    assert (run.books.owed, await run.held()) == (0, (750, 0))


@pytest.mark.parametrize(("unpriced", "denied"), [("deny", True), ("free", False)])
async def test_a_model_without_a_price_is_free_by_config_only(tmp_path: Path, unpriced: str, denied: bool) -> None:
    run = Stage(tmp_path, {"name": "all", "limit_usd": 2}, unpriced=unpriced)
    offer = Offer(("mystery",), ("openai",), Amounts(0, 100, 1), unpriced=True)
    held = await run.ask("a", "weak")
    assert (await run.stage.reprice("a", CALLER, held, offer)).is_denied is denied


@pytest.mark.parametrize(
    ("budget", "ledger", "reason"),
    [
        ({"limit_usd": 100}, {}, BudgetReason.UNCOVERED_TOOL),
        ({"limit_usd": 100}, {"uncovered": "allow"}, BudgetReason.WITHIN),
        ({"limit_tokens": 1_000}, {}, BudgetReason.WITHIN),
    ],
)
async def test_what_nobody_can_say_the_most_of_is_refused_under_a_budget_in_dollars(
    tmp_path: Path, budget: dict[str, Any], ledger: dict[str, Any], reason: BudgetReason
) -> None:
    class Searching(Prices):
        async def offer(self, model_group: str, max_tokens: int | None) -> Offer | None:
            offer = await super().offer(model_group, max_tokens)
            return offer and replace(offer, unknown="web searches")

    stage = Stage(tmp_path, {"name": "day", **budget}, **ledger)
    stage.prices = Searching(strong=1)
    admission = await stage.ask("a")
    assert admission.verdict.reason is reason
    assert ("web searches" in admission.verdict.message) is (reason is BudgetReason.UNCOVERED_TOOL)
    await stage.books.aclose()
