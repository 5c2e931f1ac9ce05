"""When ledger and host are too far apart, and when that only seems so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from litellm_plugins.budgets.alerting import Notice
from litellm_plugins.budgets.alerting_drift import Drift
from litellm_plugins.budgets.alerting_words import text
from litellm_plugins.budgets.amounts import METRICS
from litellm_plugins.budgets.ledger import Span
from litellm_plugins.budgets.overview import AccountView, Meter
from litellm_plugins.settings.budgets import Budget

NOW = 1_800_000_000_000
MINUTE = 60_000
BUDGET = Budget.model_validate({"name": "company", "limit_usd": 50})


def view(dollars: float, *, rolling: bool = False) -> AccountView:
    meters = tuple(Meter(metric, None, int(dollars * 1e9), 0, 0) for metric in METRICS)
    return AccountView("company", "", Span(NOW - 99 * MINUTE, NOW + 999 * MINUTE, rolling=rolling), meters, BUDGET)


@dataclass
class World:
    """A host's count, and a time that moves ten minutes with each look."""

    host: float | None = 0.0
    now: int = NOW
    asked: int = 0

    def __post_init__(self) -> None:
        self.told: list[tuple[str, float]] = []
        self.drift = Drift(
            0.05, self, clock_ms=lambda: self.now, told=lambda budget, share: self.told.append((budget, share))
        )

    async def spent(self, view: AccountView) -> int | None:
        self.asked += 1
        return None if self.host is None else int(self.host * 1e9)

    async def look(self, ledger: float, host: float | None, *, rolling: bool = False) -> list[Notice]:
        self.host, self.now = host, self.now + 10 * MINUTE
        return await self.drift.notices([view(ledger, rolling=rolling)])


async def looks(world: World, pairs: Sequence[tuple[float, float | None]]) -> list[bool]:
    return [bool(await world.look(ledger, host)) for ledger, host in pairs]


async def test_what_stays_apart_is_told_and_says_by_how_much_since_when() -> None:
    world = World()
    told = [await world.look(3 + number, 10 + number / 2) for number in range(8)]
    assert [len(each) for each in told] == [0, 0, 0, 0, 0, 0, 1, 1]  # 40 minutes at 5 %, and then thrice in a row
    assert text(told[6][0]) == (
        "Budget company: since 2027-01-15T08:10:00Z the ledger counted $6.00, LiteLLM itself $3.00."
    )
    assert told[6][0].key == told[7][0].key


async def test_what_was_apart_before_counts_for_nothing() -> None:
    assert not any(await looks(World(), [(1 + number, 100 + number) for number in range(9)]))


async def test_a_little_apart_or_only_for_a_while_is_no_drift() -> None:
    near = [(number, number * 1.04) for number in range(9)]
    late = [(number, number if number % 2 else number * 0.5) for number in range(9)]
    for pairs in (near, late):
        assert not any(await looks(World(), [(float(a), float(b)) for a, b in pairs]))


async def test_a_reset_or_a_host_that_cannot_say_is_none_either() -> None:
    reset = [(5.0, 5.0), (6.0, 6.0), (0.0, 7.0), (1.0, 8.0), (2.0, 9.0), (3.0, 10.0), (4.0, 11.0), (5.0, 12.0)]
    assert not any(await looks(World(), reset))
    assert not any(await looks(World(), [(float(number), None) for number in range(9)]))


async def test_fractions_of_a_cent_are_no_matter() -> None:
    assert not any(await looks(World(), [(number / 10_000, 0.0) for number in range(9)]))


async def test_it_asks_every_few_minutes_only_and_never_of_rolling_windows() -> None:
    world = World()
    await world.look(1, 1)
    await world.drift.notices([view(1)])
    assert world.asked == 1
    await world.look(1, 1, rolling=True)
    world.now += 10 * MINUTE
    await world.drift.notices([replace(view(1), budget=None)])
    assert world.asked == 1


async def test_how_far_they_are_apart_is_told_at_each_look_once_there_is_enough_to_compare() -> None:
    world = World()
    await looks(world, [(float(number), number * 0.8) for number in range(7)])
    assert [budget for budget, _ in world.told] == ["company"] * 3  # after 40 minutes
    assert all(abs(share - 0.2) < 1e-6 for _, share in world.told)
