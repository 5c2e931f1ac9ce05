"""Outboxes of every kind, each time as another worker has it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from litellm_plugins.alerts.backends.redis import RedisOutbox
from litellm_plugins.alerts.backends.sqlite import SCHEMA, SqliteOutbox
from litellm_plugins.alerts.outbox import Outbox
from litellm_plugins.storage.redis import RedisServer as Connections
from litellm_plugins.storage.sqlite import SqliteFile
from tests.support.redis_server import RedisServer

Opener = Callable[[], Outbox]


@pytest.fixture(params=["sqlite", "redis"])
async def open_outbox(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opener]:
    """Opens views of one outbox, empty at first, and closes them all in the end."""
    files: list[SqliteFile] = []
    connections: list[Connections] = []
    server: RedisServer | None = None
    if request.param == "redis":
        server = request.getfixturevalue("redis_server")
        server.call("FLUSHALL")

    def open_one() -> Outbox:
        if server is None:
            files.append(SqliteFile(tmp_path / "ledger.db", schema=SCHEMA))
            return SqliteOutbox(files[-1])
        connections.append(Connections(server.url, timeout_s=30, max_connections=64))
        return RedisOutbox(connections[-1], "outbox")

    yield open_one
    for file in files:
        await file.aclose()
    for connection in connections:
        await connection.aclose()


@pytest.fixture
def outbox(open_outbox: Opener) -> Outbox:
    """One worker's."""
    return open_outbox()
