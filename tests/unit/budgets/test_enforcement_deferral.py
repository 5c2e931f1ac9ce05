"""Requests that may be answered later, on a real ledger: at their own price, held for their own time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.budgets.amounts import Amounts
from litellm_plugins.budgets.backends.sqlite import SqliteLedger
from litellm_plugins.budgets.backends.sqlite_schema import SCHEMA
from litellm_plugins.budgets.enforcement import Admission, Caller, Change, Deferral, Enforcement, Offer
from litellm_plugins.budgets.policy import BudgetPolicy
from litellm_plugins.model import BudgetReason, BudgetState, Identity
from litellm_plugins.settings import parse
from litellm_plugins.storage.sqlite import SqliteFile

NOW = 1_800_000_000_000
DAY = 86_400_000
CALLER = Caller(Identity(key_id="k", team_id="support"))
DOLLAR = 1_000_000_000


class Price:
    """What any request costs."""

    def __init__(self, dollars: float) -> None:
        self._nano = round(dollars * DOLLAR)

    async def offer(self, model_group: str, max_tokens: int | None) -> Offer | None:
        nano = self._nano // 10 if model_group == "weak" else self._nano
        return Offer((model_group,), ("openai",), Amounts(nano, 100, 1))


class Stage:
    def __init__(self, folder: Path, **budget: Any) -> None:
        given = {"name": "all", "window": "30d", **budget}
        settings = parse({"budgets": [given], "batch": {"enabled": True, "models": ["strong"]}})
        self.ledger = SqliteLedger(SqliteFile(folder / "ledger.db", schema=SCHEMA, begins_anew=False))
        self.now = NOW
        self.stage = Enforcement(
            policy=BudgetPolicy(settings),
            ledger=self.ledger,
            rules=settings.ledger,
            clock_ms=lambda: self.now,
            failed=lambda exc: None,
        )

    async def ask(self, call_id: str, wish: str | None = None) -> Admission:
        deferral = None if wish is None else Deferral(Price(0.5), DAY, wish == "require")
        return await self.stage.admit(call_id, CALLER, Price(1), "strong", deferral=deferral)

    async def held(self) -> tuple[float, float]:
        """Dollars spent and reserved."""
        balances = await self.ledger.balances(now_ms=self.now)
        return sum(b.spent.nano_usd for b in balances) / DOLLAR, sum(b.reserved.nano_usd for b in balances) / DOLLAR


SOFT = {"limit_usd": 4, "soft": [0.25], "on_soft": "degrade"}


async def test_who_must_wait_reserves_the_lower_price_at_once(tmp_path: Path) -> None:
    run = Stage(tmp_path, limit_usd=1)
    admissions = [await run.ask(call, "require") for call in ("a", "b", "c")]
    assert [each.reserved for each in admissions] == [True, True, False]
    assert [each.verdict.state for each in admissions] == [BudgetState.OK, BudgetState.OK, BudgetState.DENIED]
    assert all(each.change == Change(deferred=True) for each in admissions)
    assert await run.held() == (0, 1)


async def test_it_is_held_for_its_own_time_and_settled_then(tmp_path: Path) -> None:
    run = Stage(tmp_path, limit_usd=10)
    await run.ask("later", "require")
    await run.ask("now")
    run.now += DAY - 1
    assert await run.held() == (0, 0.5)  # the other's lease is over: nobody was asked, so it is free
    settled = await run.ledger.settle("later", Amounts(DOLLAR // 5, 10, 1), now_ms=run.now)
    assert settled.fresh
    assert not (await run.ledger.settle("later", Amounts(DOLLAR, 10, 1), now_ms=run.now)).fresh
    assert await run.held() == (0.2, 0)


async def test_who_may_wait_does_so_past_the_mark_alone(tmp_path: Path) -> None:
    run = Stage(tmp_path, **SOFT, degrade={"defer": True})
    first = await run.ask("a", "allow")
    assert (first.change, await run.held()) == (None, (0, 1))
    second = await run.ask("b", "allow")
    assert second.change == Change(deferred=True)
    assert (second.verdict.state, second.verdict.reason) == (BudgetState.DEGRADED, BudgetReason.DEGRADED_AT_MARK)
    assert await run.held() == (0, 1.5)


async def test_who_may_not_wait_is_served_as_asked_or_as_the_rest_says(tmp_path: Path) -> None:
    run = Stage(tmp_path, **SOFT, degrade={"defer": True})
    await run.ask("a")
    asked = await run.ask("b")
    assert (asked.change, asked.verdict.state) == (None, BudgetState.SOFT)
    (tmp_path / "other").mkdir()
    other = Stage(tmp_path / "other", **SOFT, degrade={"defer": True, "model": "weak"})
    await other.ask("a")
    assert (await other.ask("b")).change == Change(model="weak")
    assert (await other.ask("c", "allow")).change == Change(deferred=True)
    assert await other.held() == (0, 1.6)


async def test_without_room_at_the_usual_price_it_may_wait_for_the_lower(tmp_path: Path) -> None:
    run = Stage(tmp_path, limit_usd=1.5, on_hard="degrade", degrade={"defer": True})
    await run.ask("a")
    assert (await run.ask("b")).is_denied
    waits = await run.ask("c", "allow")
    assert (waits.change, waits.verdict.reason) == (Change(deferred=True), BudgetReason.DEGRADED_AT_LIMIT)
    assert (await run.ask("d", "allow")).is_denied
    assert await run.held() == (0, 1.5)


@pytest.mark.parametrize("wish", ["allow", "require"])
async def test_past_the_mark_with_no_room_even_for_the_lower_price(tmp_path: Path, wish: str) -> None:
    run = Stage(tmp_path, limit_usd=1, soft=[0.1], on_soft="degrade", degrade={"defer": True})
    await run.ask("a")
    assert (await run.ask("b", wish)).is_denied
    assert await run.held() == (0, 1)


async def test_without_room_even_for_the_lower_price_the_rest_of_the_degrading_holds(tmp_path: Path) -> None:
    """Who allows waiting is no worse off than who does not."""
    run = Stage(tmp_path, limit_usd=1.2, on_hard="degrade", degrade={"defer": True, "model": "weak"})
    await run.ask("a")
    for call, wish in (("b", "allow"), ("c", None)):
        admission = await run.ask(call, wish)
        assert (admission.reserved, admission.change) == (True, Change(model="weak"))
    assert (await run.ask("d", "allow")).is_denied
    assert await run.held() == (0, 1.2)
