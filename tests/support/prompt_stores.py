"""What workers tell each other of prompts through, of every kind, each time as another worker has it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from litellm_plugins.prompt_caching.backends.redis import RedisPrompts
from litellm_plugins.prompt_caching.backends.sqlite import SCHEMA, SqlitePrompts
from litellm_plugins.prompt_caching.store import PromptStore
from litellm_plugins.storage.redis import RedisServer as Connections
from litellm_plugins.storage.sqlite import SqliteFile
from tests.support.redis_server import RedisServer

PromptOpener = Callable[[], PromptStore]
MOST = 5  # families


@pytest.fixture(params=["sqlite", "redis"])
async def open_prompt_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PromptOpener]:
    """Opens views of one store, empty at first, and closes them all in the end."""
    opened: list[PromptStore] = []
    server: RedisServer | None = None
    if request.param == "redis":
        server = request.getfixturevalue("redis_server")
        server.call("FLUSHALL")

    def open_one() -> PromptStore:
        if server is None:
            opened.append(SqlitePrompts(SqliteFile(tmp_path / "prompts.db", schema=SCHEMA), max_families=MOST))
        else:
            connection = Connections(server.url, timeout_s=30, max_connections=64)
            opened.append(RedisPrompts(connection, "prompts", max_families=MOST))
        return opened[-1]

    yield open_one
    for store in opened:
        await store.aclose()
