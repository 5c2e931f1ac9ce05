"""What is asked of the host's log of spend, and of which accounts it cannot be asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from litellm_plugins.budgets.amounts import METRICS
from litellm_plugins.budgets.ledger import Span
from litellm_plugins.budgets.overview import AccountView, Meter
from litellm_plugins.proxy.budgets.drift import HostLog
from litellm_plugins.settings.budgets import Budget

DAY = Span(1_799_971_200_000, 1_800_057_600_000)


class Log:
    """Answers every query with the same sum, as the host's client does: as text."""

    def __init__(self, spent: str | Exception = "0.123456789") -> None:
        self._spent = spent
        self.asked: list[tuple[str, tuple[Any, ...]]] = []

    async def query_raw(self, query: str, *arguments: Any) -> Sequence[Any]:
        self.asked.append((query, arguments))
        if isinstance(self._spent, Exception):
            raise self._spent
        return [{"spent": self._spent}]


def view(account: str, scope: Any) -> AccountView:
    budget = Budget.model_validate({"name": "day", "scope": scope, "limit_usd": 1})
    return AccountView(account, "", DAY, tuple(Meter(metric, None, 0, 0, 0) for metric in METRICS), budget)


async def test_the_sum_is_that_of_the_accounts_scope_in_its_window() -> None:
    log = Log()
    told = await HostLog(lambda: log).spent(view("day/team=a%2Fb,model=gpt-4.1", ["team", {"model": "gpt-4.1"}]))
    assert told == 123_456_789
    ((query, arguments),) = log.asked
    assert arguments == ("2027-01-15T00:00:00.000", "2027-01-16T00:00:00.000", "a/b", "gpt-4.1")
    assert query.endswith('AND "team_id" = $3 AND "model_group" = $4')
    await HostLog(lambda: log).spent(view("day", "global"))
    assert log.asked[1][1] == arguments[:2]


@pytest.mark.parametrize(
    ("account", "scope"),
    [
        ("day/feature=chat", "feature"),
        ("day/tag=x", "tag"),
        ("day/team=Legal", {"team": "Legal"}),  # may be an alias
        (f"day/end_user={'x' * 64}~{'0' * 64}", "end_user"),  # too long to be told whole
    ],
)
async def test_what_the_log_does_not_have_as_it_stands_there_is_not_asked(account: str, scope: Any) -> None:
    log = Log()
    assert await HostLog(lambda: log).spent(view(account, scope)) is None
    assert log.asked == []


async def test_no_database_or_one_that_fails_says_nothing() -> None:
    assert await HostLog(lambda: None).spent(view("day", "global")) is None
    assert await HostLog(lambda: Log(RuntimeError("engine died"))).spent(view("day", "global")) is None
