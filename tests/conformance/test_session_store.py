"""What every keeper of `SessionStore` promises, and what workers know of each other's conversations by it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.model import RouteReason
from litellm_plugins.proxy.routing.sessions import Sessions
from litellm_plugins.routing.backends.redis import RedisSessions
from litellm_plugins.routing.backends.sqlite import SCHEMA, SqliteSessions
from litellm_plugins.routing.session_memory import SessionMemory
from litellm_plugins.routing.session_sharing import SessionSharing
from litellm_plugins.routing.session_store import KEEP_MS, SessionStore
from litellm_plugins.storage.feeds import READ_AT_ONCE
from litellm_plugins.storage.redis import RedisServer as Connections
from litellm_plugins.storage.sqlite import SqliteFile
from tests.support.redis_server import RedisServer
from tests.unit.proxy.routing.test_sessions import FIRST, SECOND, Book, followed, routed

NOW = time.time_ns() // 1_000_000  # a server forgets by its own clock
Opener = Callable[[], SessionStore]


@pytest.fixture(params=["sqlite", "redis"])
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opener]:
    """Opens views of one store, empty at first, and closes them all in the end."""
    opened: list[SessionStore] = []
    server: RedisServer | None = None
    if request.param == "redis":
        server = request.getfixturevalue("redis_server")
        server.call("FLUSHALL")

    def open_one() -> SessionStore:
        if server is None:
            opened.append(SqliteSessions(SqliteFile(tmp_path / "sessions.db", schema=SCHEMA)))
        else:
            opened.append(RedisSessions(Connections(server.url, timeout_s=30, max_connections=8), "sessions"))
        return opened[-1]

    yield open_one
    for store in opened:
        await store.aclose()


class Worker:
    """One of several, as alone as the store lets it be."""

    def __init__(self, store: SessionStore) -> None:
        self.failures: list[str] = []
        self.memory = SessionMemory()
        self.sharing = SessionSharing(self.memory, store, failed=lambda reason, _: self.failures.append(reason))
        self.sessions = Sessions(Book(), self.memory)  # type: ignore[arg-type]  # of a price book no more is asked


async def test_a_conversation_stays_with_its_model_on_whichever_worker_it_goes_on(open_store: Opener) -> None:
    one, other = Worker(open_store()), Worker(open_store())
    routed(one.sessions, followed(one.sessions, FIRST), 0.9)
    assert await one.sharing.sync()
    assert await other.sharing.sync()
    route = routed(other.sessions, followed(other.sessions, SECOND), 0.4)
    assert (route.tier, route.reason) == ("strong", RouteReason.SESSION_KEPT)
    strangers = routed(other.sessions, followed(other.sessions, SECOND, key="another"), 0.4)
    assert (strangers.tier, strangers.reason) == ("small", RouteReason.SCORE)


async def test_whoever_kept_it_later_is_right(open_store: Opener) -> None:
    one, other = Worker(open_store()), Worker(open_store())
    one.memory.keep(b"name", "strong", "best", 9, 100)
    other.memory.keep(b"name", "small", "plain", 9, 200)
    for each in (one, other, one):
        assert await each.sharing.sync()
    for each in (one, other):
        found = each.memory.first([b"name"])
        assert found is not None
        assert found[1].tier == "small"
    other.memory.keep(b"name", "", "elsewhere", 9, 300)  # to a model that is in no tier
    assert await other.sharing.sync()
    assert await one.sharing.sync()
    assert one.memory.first([b"name"]) is None


async def test_each_reads_the_others_once_in_their_order_and_a_late_one_the_newest(open_store: Opener) -> None:
    one, other = open_store(), open_store()
    for at in range(READ_AT_ONCE + 3):
        await one.add("one", b"%d" % at, now_ms=NOW)
    found, cursor = await other.since("", "other")
    assert found == [b"%d" % at for at in range(3, READ_AT_ONCE + 3)]
    assert await other.since(cursor, "other") == ([], cursor)
    assert (await one.since("", "one"))[0] == []
    await one.add("one", b"more", now_ms=NOW)
    assert (await other.since(cursor, "other"))[0] == [b"more"]


async def test_what_is_old_is_told_to_nobody(open_store: Opener) -> None:
    store, now = open_store(), time.time_ns() // 1_000_000  # a server dates what it is given by its own clock
    await store.add("one", b"old", now_ms=now)
    assert (await store.since("", "other"))[0] == [b"old"]
    await store.add("one", b"new", now_ms=now + KEEP_MS + 60_000)
    assert b"old" not in (await store.since("", "other"))[0]


class Lost:
    """A store that is away, until it is back."""

    def __init__(self, store: SessionStore) -> None:
        self.store, self.away = store, True

    async def add(self, worker: str, body: bytes, *, now_ms: int) -> None:
        if self.away:
            raise StoreUnavailable("store_unreachable")
        await self.store.add(worker, body, now_ms=now_ms)

    async def since(self, cursor: str, worker: str) -> tuple[list[bytes], str]:
        return await self.store.since(cursor, worker)

    async def aclose(self) -> None:
        await self.store.aclose()


async def test_what_could_not_be_told_is_told_later_and_strange_words_are_left_out(open_store: Opener) -> None:
    lost, other = Lost(open_store()), Worker(open_store())
    one = Worker(lost)
    routed(one.sessions, followed(one.sessions, FIRST), 0.9)
    assert not await one.sharing.sync()
    assert one.failures == ["store_unreachable"]
    lost.away = False
    await lost.store.add("newer", b'{"of": "another version"}', now_ms=NOW)
    assert await one.sharing.sync()
    assert await other.sharing.sync()
    assert other.memory.first(followed(other.sessions, FIRST).own) is not None


async def test_it_tells_and_learns_by_itself_and_tells_the_last_of_it(open_store: Opener) -> None:
    one, other = Worker(open_store()), Worker(open_store())
    sessions = Sessions(Book(), one.memory, one.sharing)  # type: ignore[arg-type]  # as above
    routed(sessions, followed(sessions, FIRST), 0.9)  # starts it
    await sessions.aclose()
    assert await other.sharing.sync()
    assert other.memory.first(followed(other.sessions, FIRST).own) is not None
