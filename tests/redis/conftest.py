"""Redis servers of their own, to be ill-treated, and stores on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.budgets.ledger import Ledger
from litellm_plugins.cache.backends.redis import RedisCacheStore
from litellm_plugins.cache.backends.redis_fields import Names
from litellm_plugins.storage import redis as storage
from tests.support.ledgers import redis_ledger
from tests.support.redis_server import RedisServer, why_no_redis

ServerMaker = Callable[..., RedisServer]
StoreOpener = Callable[..., RedisCacheStore]
LedgerOpener = Callable[..., Ledger]


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[ServerMaker]:
    """Starts servers with the options of redis.conf that are given, and ends them with the test."""
    missing = why_no_redis()
    if missing:
        pytest.skip(missing)
    started: list[RedisServer] = []

    def start(**options: Any) -> RedisServer:
        server = RedisServer(tmp_path / str(len(started)), **options)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def server(start_server: ServerMaker) -> RedisServer:
    """One with nothing special to it."""
    return start_server()


@pytest.fixture
async def open_store() -> AsyncIterator[StoreOpener]:
    """Opens stores on a server or a URL, impatient ones, and closes them all in the end."""
    opened: list[RedisCacheStore] = []

    def open_one(at: RedisServer | str, *, timeout_s: float = 5, prefix: str = "litellm_plugins") -> RedisCacheStore:
        url = at if isinstance(at, str) else at.url
        server = storage.RedisServer(url, timeout_s=timeout_s, max_connections=16)
        opened.append(RedisCacheStore(server, Names(prefix)))
        return opened[-1]

    yield open_one
    for store in opened:
        await store.aclose()


@pytest.fixture
def store(server: RedisServer, open_store: StoreOpener) -> RedisCacheStore:
    """One on the ordinary server."""
    return open_store(server)


@pytest.fixture
async def open_ledger() -> AsyncIterator[LedgerOpener]:
    """Opens ledgers on a server or a URL, and closes them all in the end."""
    opened: list[Ledger] = []

    def open_one(at: RedisServer | str, *, timeout_s: float = 30) -> Ledger:
        opened.append(redis_ledger(at if isinstance(at, str) else at.url, timeout_s=timeout_s))
        return opened[-1]

    yield open_one
    for ledger in opened:
        await ledger.aclose()
