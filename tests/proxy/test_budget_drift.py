"""The host's log of spend as its own migrations make it, on a real Postgres: what is summed of it for an account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from litellm_plugins.budgets.amounts import METRICS
from litellm_plugins.budgets.ledger import Span
from litellm_plugins.budgets.overview import AccountView, Meter
from litellm_plugins.proxy.budgets.drift import HostLog
from litellm_plugins.settings.budgets import Budget
from tests.support.postgres import PostgresServer

DAY = Span(1_799_971_200_000, 1_800_057_600_000)  # 15 January 2027, UTC
SPENT = [  # dollars, when, team, model group, user
    (0.1, "2027-01-15 00:00:00", "a", "gpt-4.1", "u"),
    (0.2, "2027-01-15 23:59:59.999", "a", "claude", "u"),
    (0.4, "2027-01-16 00:00:00", "a", "gpt-4.1", "u"),
    (0.8, "2027-01-15 12:00:00", "b/c", "gpt-4.1", ""),
    (1.6, "2027-01-14 23:59:59.999", "a", "gpt-4.1", "u"),
]


class Client:
    """Asks as the host's client does: with parameters that are bound as text."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)

    async def query_raw(self, query: str, *arguments: Any) -> Sequence[Any]:
        given = ", ".join(psycopg.sql.Literal(str(value)).as_string(self._connection) for value in arguments)
        self._connection.execute("DEALLOCATE ALL")
        self._connection.execute(f"PREPARE asked AS {query}".encode())
        return self._connection.execute(f"EXECUTE asked({given})".encode()).fetchall()

    def close(self) -> None:
        self._connection.close()


def view(account: str, scope: Any) -> AccountView:
    budget = Budget.model_validate({"name": "day", "scope": scope, "limit_usd": 1})
    return AccountView(account, "", DAY, tuple(Meter(metric, None, 0, 0, 0) for metric in METRICS), budget)


@pytest.mark.timeout(300)
async def test_what_the_host_wrote_is_summed_for_the_account_and_its_window(postgres: PostgresServer) -> None:
    url = postgres.database("drift")
    for number, (spend, at, team, model, user) in enumerate(SPENT):
        columns = 'request_id, call_type, spend, "startTime", "endTime", team_id, model_group, "user"'
        values = f"'{number}', 'acompletion', {spend}, '{at}', '{at}', '{team}', '{model}', '{user}'"
        postgres.run(f'INSERT INTO "LiteLLM_SpendLogs" ({columns}) VALUES ({values})', database="drift")
    client = Client(url)
    log = HostLog(lambda: client)
    assert await log.spent(view("day", "global")) == 1_100_000_000
    assert await log.spent(view("day/team=a", "team")) == 300_000_000
    assert await log.spent(view("day/team=b%2Fc", "team")) == 800_000_000
    assert await log.spent(view("day/user=u,model=claude", ["user", "model"])) == 200_000_000
    assert await log.spent(view("day/team=nobody", "team")) == 0
    client.close()
