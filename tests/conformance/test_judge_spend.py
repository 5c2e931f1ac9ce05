"""What every keeper of `JudgeSpend` promises."""

from __future__ import annotations

import asyncio

from litellm_plugins.cache.judge import JudgeSpend

TODAY, TOMORROW = "2026-11-30", "2026-12-01"
Workers = tuple[JudgeSpend, JudgeSpend]


async def test_each_day_is_counted_by_itself_and_for_all_workers(judge_spends: Workers) -> None:
    one, other = judge_spends
    assert await one.spent(TODAY) == 0
    await one.add(TODAY, 1)
    await other.add(TODAY, 9_007_199_254_740_993)  # not to be had as a float
    await other.add(TOMORROW, 5)
    assert [await each.spent(TODAY) for each in judge_spends] == [9_007_199_254_740_994] * 2
    assert [await each.spent(TOMORROW) for each in judge_spends] == [5, 5]


async def test_nothing_is_lost_when_both_count_at_once(judge_spends: Workers) -> None:
    await asyncio.gather(*(judge_spends[n % 2].add(TODAY, n) for n in range(100)))
    assert await judge_spends[0].spent(TODAY) == sum(range(100))


async def test_two_judges_are_counted_apart(judge_spends: Workers) -> None:
    one, other = judge_spends
    await one.add(f"{TODAY} routing", 3)
    await other.add(TODAY, 4)
    await other.add(f"{TOMORROW} routing", 5)
    days = (TODAY, f"{TODAY} routing", f"{TOMORROW} routing")
    assert [await one.spent(day) for day in days] == [4, 3, 5]
