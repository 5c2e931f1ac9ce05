"""Whatever is done to a ledger in whatever order: it answers as the model of plain sums does."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from litellm_plugins.budgets.amounts import NOTHING, Amounts, Limits
from litellm_plugins.budgets.ledger import Balance, Ledger, Line, OnLapse, Span
from tests.support.ledger_model import ModelLedger, worth_telling
from tests.support.ledgers import NOW, another, ledger_at, rolling

T = TypeVar("T")

_MORE = int(os.environ.get("LITELLM_PLUGINS_LEDGER_EXAMPLES", "1"))  # so many times as many


def profile(examples: int) -> settings:
    """The same cases in every run."""
    return settings(
        max_examples=examples * _MORE,
        stateful_step_count=50,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


_CALENDAR_MS = 10_000  # so that windows end while calls are under way
_LENGTHS: dict[str, int | None] = {"company": None, "team": None, "hour": 7_000, "minute": 3_000}  # of the rolling ones
_INVENTED = {"user-1": None, "user-2": None, "user-3": None, "tag-1": 3_000, "tag-2": 3_000, "tag-3": 3_000}
_LENGTHS |= _INVENTED
_LIMITS = {"company": Limits(20, 20, 8), "team": Limits(nano_usd=8), "hour": Limits(10), "minute": Limits(9, 9, 3)}


small = st.integers(0, 6)
amounts = st.builds(Amounts, small, small, st.integers(0, 1))
accounts = st.sampled_from(sorted(_LENGTHS))
places = st.integers(0, 4)  # of calls under way; one that is settled makes room for the next, but for late hooks
late = st.sampled_from([False, False, False, True])
coverings = st.lists(accounts, min_size=1, unique=True)
leases = st.sampled_from([500, 2_000, 8_000])


class Bookkeeping(RuleBasedStateMachine):
    """One ledger, two workers' views of it, and the model."""

    url = ""
    on_lapse: OnLapse = "charge"
    numbers = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.model = ModelLedger(self.on_lapse)
        self.runner = asyncio.Runner()
        url = another(self.url, next(self.numbers))
        self.opened = [ledger_at(url, on_lapse=self.on_lapse) for _ in range(2)]
        self.names = [f"call-{place}" for place in range(5)]
        self.views: Iterator[Ledger] = itertools.cycle(self.opened)

    def teardown(self) -> None:
        self.look()
        for place in range(5):
            self.settle(place, Amounts(1, 1, 1))
        assert all(each.reserved == each.unconfirmed == NOTHING for each in self.told())
        for view in self.opened:
            self.run(view.aclose())
        self.runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def line(self, account: str) -> Line:
        length_ms, start_ms = _LENGTHS[account], self.now - self.now % _CALENDAR_MS
        span = rolling(length_ms, self.now) if length_ms else Span(start_ms, start_ms + _CALENDAR_MS)
        if account in _INVENTED:
            kind = account.partition("-")[0]
            return Line(kind, account, _LIMITS["team"], span, shared=f"{kind}-others", most_accounts=2)
        return Line(account, account, _LIMITS[account], span)

    @rule(place=places, late=late, covering=coverings, amount=amounts, lease_ms=leases)
    def reserve(self, place: int, late: bool, covering: list[str], amount: Amounts, lease_ms: int) -> None:
        known = self.model.calls.get(self.names[place])
        if known is not None and known.state == "settled" and not late:
            self.names[place] += "'"
        call, lines = self.names[place], [self.line(account) for account in covering]
        expected = self.model.reserve(call, lines, amount, now_ms=self.now, lease_ms=lease_ms)
        assert self.run(next(self.views).reserve(call, lines, amount, now_ms=self.now, lease_ms=lease_ms)) == expected

    @rule(place=places, lease_ms=leases)
    def called(self, place: int, lease_ms: int) -> None:
        call = self.names[place]
        self.model.called(call, now_ms=self.now, lease_ms=lease_ms)
        self.run(next(self.views).called(call, now_ms=self.now, lease_ms=lease_ms))

    @rule(place=places, actual=amounts)
    def settle(self, place: int, actual: Amounts) -> None:
        call = self.names[place]
        expected = self.model.settle(call, actual, now_ms=self.now)
        assert self.run(next(self.views).settle(call, actual, now_ms=self.now)) == expected

    @rule(place=places, late=late, covering=coverings, amount=amounts, lease_ms=leases)
    def start(self, place: int, late: bool, covering: list[str], amount: Amounts, lease_ms: int) -> None:
        """What most calls do first."""
        self.reserve(place, late, covering, amount, lease_ms)
        self.called(place, lease_ms)

    @rule(place=places, covering=coverings, amount=amounts, actual=amounts)
    def spend(self, place: int, covering: list[str], amount: Amounts, actual: Amounts) -> None:
        """A whole call, quickly."""
        self.start(place, False, covering, amount, 2_000)
        self.settle(place, actual)

    @rule(passes_ms=st.sampled_from([1, 500, 1_000, 2_000, 3_000, 7_000]), look=st.booleans())
    def wait(self, passes_ms: int, look: bool) -> None:
        self.now += passes_ms
        if look:
            self.look()

    @rule()
    def lapse(self) -> None:
        self.model.lapse(now_ms=self.now)
        view = next(self.views)
        assert self.run(view.lapse(now_ms=self.now)) <= len(self.model.calls)
        assert self.run(view.lapse(now_ms=self.now)) == 0

    @rule(account=accounts)
    def reset(self, account: str) -> None:
        known = any(each.account == account for each in self.told())
        self.model.reset(account, now_ms=self.now)
        assert self.run(next(self.views).reset(account, now_ms=self.now)) in ((1,) if known else (0, 1))

    @rule(account=accounts, limits=st.none() | st.builds(Limits, st.none() | st.integers(0, 30)))
    def limit(self, account: str, limits: Limits | None) -> None:
        self.model.limit(self.line(account), limits)
        self.run(next(self.views).limit(self.line(account), limits, now_ms=self.now))

    @rule()
    def look(self) -> None:
        assert self.told() == self.model.balances(now_ms=self.now)

    def told(self) -> list[Balance]:
        return worth_telling(self.run(next(self.views).balances(now_ms=self.now)))


@pytest.mark.timeout(600)  # 10 s, but minutes to find the shortest case where it fails
@pytest.mark.parametrize(("on_lapse", "examples"), [("charge", 60), ("release", 20)])
def test_the_ledger_answers_as_the_model_does(ledger_url: str, on_lapse: OnLapse, examples: int) -> None:
    here = type("Here", (Bookkeeping,), {"url": ledger_url, "on_lapse": on_lapse, "numbers": itertools.count()})
    run_state_machine_as_test(here, settings=profile(examples))
