"""What LiteLLM itself has counted, from its log of spend in Postgres."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from litellm_plugins.budgets.amounts import NANO
from litellm_plugins.budgets.overview_accounts import parts_of

if TYPE_CHECKING:
    from litellm_plugins.budgets.overview import AccountView

_LOG = logging.getLogger(__name__)
_COLUMNS = {
    "team": "team_id",
    "key": "api_key",
    "user": "user",
    "end_user": "end_user",
    "model": "model_group",
    "provider": "custom_llm_provider",
}
_SPENT = """SELECT COALESCE(SUM(spend), 0)::text AS spent FROM "LiteLLM_SpendLogs"
    WHERE "startTime" >= $1::timestamp AND "startTime" < $2::timestamp"""


class Database(Protocol):
    """The part of the host's database client that is needed."""

    async def query_raw(self, query: str, *arguments: Any) -> Sequence[Any]:
        """Rows as mappings."""


class HostLog:
    """Keeps `HostSpend`. `database` is None where the host has none, or writes no such log."""

    def __init__(self, database: Callable[[], Database | None]) -> None:
        self._database = database

    async def spent(self, view: AccountView) -> int | None:
        values = _comparable(view)
        database = self._database()
        if values is None or database is None:
            return None
        query, arguments = _SPENT, [_utc(view.span.start_ms), _utc(view.span.end_ms)]
        for kind, value in values.items():
            arguments.append(value)
            query += f' AND "{_COLUMNS[kind]}" = ${len(arguments)}'
        try:
            rows = await database.query_raw(query, *arguments)
        except Exception as exc:  # noqa: BLE001 - the host's client raises whatever its engine does
            _LOG.debug("the host's log of spend cannot be read: %s", type(exc).__name__)
            return None
        return round(float(rows[0]["spent"]) * NANO)


def host_database() -> Database | None:
    """The running host's."""
    from litellm.proxy import proxy_server

    client: Any = getattr(proxy_server, "prisma_client", None)
    if client is None or (proxy_server.general_settings or {}).get("disable_spend_logs"):
        return None
    database: Database = client.db
    return database


def _comparable(view: AccountView) -> dict[str, str] | None:
    """The values of the account's scope; None where the host's log does not have them as they stand there."""
    _, values = parts_of(view.account)
    parts = view.budget.scope if view.budget else ()
    # The settings may name a team or key by its alias; the log has ids only.
    by_name = any(part.kind in ("team", "key") and part.value is not None for part in parts)
    unknown = any(kind not in _COLUMNS or "~" in value for kind, value in values.items())
    return None if by_name or unknown else values


def _utc(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
