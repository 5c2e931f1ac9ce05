"""Which team a token is for: by the teams of the YAML, and by those in the host's database."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Any

from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.ui.teams import Team, the_one

_MOST = 10  # more than one is too many


async def team_of(name: str, known: Mapping[str, str | None]) -> Team:
    """`known`: the YAML's aliases by ids. Raises: RequestError where none or several go by it, StoreUnavailable."""
    found = the_one(name, await _going_by({name}, known))
    return the_one(name, [found, *await _going_by(found.names, known)])


async def _going_by(names: Collection[str], known: Mapping[str, str | None]) -> list[Team]:
    ours = [Team(id_, alias) for id_, alias in known.items() if id_ in names or alias in names]
    return [*ours, *await _in_the_database(names)]


async def _in_the_database(names: Collection[str]) -> list[Team]:
    host = sys.modules.get("litellm.proxy.proxy_server")  # where it does not run, it has no teams either
    client: Any = getattr(host, "prisma_client", None)
    if client is None:
        return []
    either = [{"team_id": {"in": list(names)}}, {"team_alias": {"in": list(names)}}]
    try:
        rows = await client.db.litellm_teamtable.find_many(where={"OR": either}, take=_MOST)
    except Exception as exc:  # the host's client raises whatever its engine does
        raise StoreUnavailable("host_database_unavailable", type(exc).__name__) from exc
    return [Team(row.team_id, row.team_alias or None) for row in rows]
