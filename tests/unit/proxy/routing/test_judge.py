"""Asking which tier it is: remembered, in time, paid by who asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from litellm_plugins.cache.judge import JudgeUnavailable, Said
from litellm_plugins.cache.judge_budget import JudgeBudget
from litellm_plugins.cache.own_calls import OwnCalls, put_on
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.proxy.routing.judge import TierJudge
from litellm_plugins.settings.route_judge import RouteJudge


class Court:
    """A judge that says what it is told to, when it is told to."""

    def __init__(self, reply: str = "B") -> None:
        self.reply, self.asked = reply, 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.broken = False

    async def ask(self, rules: str, case: str) -> Said:
        self.asked += 1
        await self.may_answer.wait()
        if self.broken:
            raise JudgeUnavailable("provider_error", "judge: APIError")
        return Said(self.reply, 700)


class Spend:
    """Keeps `JudgeSpend`."""

    def __init__(self) -> None:
        self.days: dict[str, int] = {}

    async def spent(self, day: str) -> int:
        return self.days.get(day, 0)

    async def add(self, day: str, nano_usd: int) -> None:
        self.days[day] = self.days.get(day, 0) + nano_usd


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def judge(court: Court, clock: Callable[[], float] = Clock(), **settings: Any) -> TierJudge:  # noqa: B008
    wanted = RouteJudge.model_validate({"model": "judge", "timeout_s": 0.05, **settings})
    return TierJudge(wanted, court, clock=clock)


async def test_a_verdict_is_paid_once_by_who_asked_first_and_remembered() -> None:
    court, first, second = Court(), OwnCalls(), OwnCalls()
    asked = judge(court)
    with put_on(first):
        assert (await asked.ask("rules", "case", 3, tenant="t")).place == 1
    with put_on(second):
        assert (await asked.ask("rules", "case", 3, tenant="t")).place == 1
    assert (first.total_nano_usd, second.total_nano_usd, court.asked) == (700, 0, 1)


async def test_another_tenant_another_text_and_other_tiers_are_asked_anew() -> None:
    court = Court()
    asked = judge(court)
    for rules, case, tenant in (("r", "c", "t"), ("r", "c", "u"), ("r", "d", "t"), ("s", "c", "t")):
        await asked.ask(rules, case, 3, tenant=tenant)
    assert court.asked == 4


async def test_what_is_remembered_ends_and_is_bounded() -> None:
    court, clock = Court(), Clock()
    asked = judge(court, clock, remember=2, remember_s=10)
    for case in ("a", "b", "c", "c", "b"):
        await asked.ask("r", case, 3, tenant="t")
    assert court.asked == 3
    await asked.ask("r", "a", 3, tenant="t")
    assert court.asked == 4
    clock.now = 10
    await asked.ask("r", "a", 3, tenant="t")
    assert court.asked == 5


async def test_several_that_ask_the_same_at_once_ask_once() -> None:
    court = Court()
    court.may_answer.clear()
    asked = judge(court, timeout_s=5)
    waiting = [asyncio.create_task(asked.ask("r", "c", 3, tenant="t")) for _ in range(5)]
    await asyncio.sleep(0)
    court.may_answer.set()
    assert [named.place for named in await asyncio.gather(*waiting)] == [1] * 5
    assert court.asked == 1


async def test_a_late_verdict_is_not_waited_for_and_is_paid_and_known_next_time() -> None:
    court, own = Court(), OwnCalls()
    court.may_answer.clear()
    asked = judge(court)
    with put_on(own):
        assert (await asked.ask("r", "c", 3, tenant="t")).reason == "judge_late"
    assert own.total_nano_usd == 0
    court.may_answer.set()
    await asyncio.sleep(0.01)
    assert own.total_nano_usd == 700
    assert (await asked.ask("r", "c", 3, tenant="t")).place == 1
    assert court.asked == 1


async def test_one_that_keeps_failing_is_left_alone_for_a_while() -> None:
    court, clock = Court(), Clock()
    court.broken = True
    asked = judge(court, clock)
    reasons = [(await asked.ask("r", str(number), 3, tenant="t")).reason for number in range(6)]
    assert reasons == ["judge_failed"] * 6
    assert court.asked == 3
    clock.now, court.broken = 60, False
    assert (await asked.ask("r", "again", 3, tenant="t")).place == 1
    assert (await asked.ask("r", "and again", 3, tenant="t")).place == 1


async def test_no_more_are_asked_at_once_than_may_be() -> None:
    court = Court()
    court.may_answer.clear()
    asked = judge(court, at_once=2)
    found = await asyncio.gather(*(asked.ask("r", str(number), 3, tenant="t") for number in range(3)))
    assert [named.reason for named in found] == ["judge_late", "judge_late", "judge_busy"]
    court.may_answer.set()


async def test_a_reply_that_is_no_tier_decides_nothing_and_is_not_asked_for_again() -> None:
    court = Court("C, because the text says so")
    asked = judge(court)
    for _ in range(2):
        named = await asked.ask("r", "c", 3, tenant="t")
        assert (named.place, named.reason) == (None, "judge_unclear")
    assert court.asked == 1


async def test_it_is_not_asked_once_its_days_money_is_spent() -> None:
    court, spend, clock = Court(), Spend(), Clock()
    budget = JudgeBudget(spend, 1_000, of=" routing", clock=clock)
    wanted = RouteJudge.model_validate({"model": "judge", "budget_usd_per_day": "0.000001"})
    assert wanted.budget_nano_usd == 1_000
    asked = TierJudge(wanted, court, budget=budget)
    named = [await asked.ask("r", case, 3, tenant="t") for case in "abc"]
    assert [each.reason for each in named] == ["", "", "judge_budget_spent"]
    assert (court.asked, spend.days) == (2, {"1970-01-01 routing": 1_400})
    clock.now += 86_400
    assert (await asked.ask("r", "d", 3, tenant="t")).place == 1


async def test_a_store_that_cannot_say_what_was_spent_leaves_it_to_the_heuristic() -> None:
    class Broken(Spend):
        async def spent(self, day: str) -> int:
            raise StoreUnavailable("store_full")

    court = Court()
    asked = TierJudge(RouteJudge(model="judge"), court, budget=JudgeBudget(Broken(), 1_000))
    assert (await asked.ask("r", "a", 3, tenant="t")).reason == "judge_failed"
    assert court.asked == 0
