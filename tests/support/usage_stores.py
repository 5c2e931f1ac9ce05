"""Stores of usage of every kind, each time as another worker has it, and calls to put there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from litellm_plugins.insight.backends.redis import RedisUsage
from litellm_plugins.insight.backends.sqlite import SCHEMA, SqliteUsage
from litellm_plugins.insight.store import UsageStore
from litellm_plugins.storage.redis import RedisServer as Connections
from litellm_plugins.storage.sqlite import SqliteFile
from tests.support.redis_server import RedisServer

Opener = Callable[[], UsageStore]
KEEP_HOURS = 48


@pytest.fixture(params=["sqlite", "redis"])
async def open_usage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opener]:
    """Opens views of one store, empty at first, and closes them all in the end."""
    opened: list[UsageStore] = []
    server: RedisServer | None = None
    if request.param == "redis":
        server = request.getfixturevalue("redis_server")
        server.call("FLUSHALL")

    def open_one() -> UsageStore:
        if server is None:
            opened.append(SqliteUsage(SqliteFile(tmp_path / "insight.db", schema=SCHEMA), keep_hours=KEEP_HOURS))
        else:
            connection = Connections(server.url, timeout_s=30, max_connections=64)
            opened.append(RedisUsage(connection, "usage", keep_hours=KEEP_HOURS))
        return opened[-1]

    yield open_one
    for store in opened:
        await store.aclose()


@pytest.fixture
def usage(open_usage: Opener) -> UsageStore:
    """One worker's."""
    return open_usage()
