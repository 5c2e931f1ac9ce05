"""What every keeper of `SyncStore` promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from litellm_plugins.review.backends.redis_sync import RedisSync
from litellm_plugins.review.backends.sqlite_sync import SCHEMA, SqliteSync
from litellm_plugins.review.sync_store import Note, SyncStore
from litellm_plugins.storage.redis import RedisServer as Connections
from litellm_plugins.storage.sqlite import SqliteFile
from tests.support.redis_server import RedisServer

NOW = 1_800_000_000.0
MOST = 5
Two = tuple[SyncStore, SyncStore]


@pytest.fixture(params=["sqlite", "redis"])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Two]:
    """As two workers see it."""
    if request.param == "sqlite":
        files = [SqliteFile(tmp_path / "sync.db", schema=SCHEMA) for _ in range(2)]
        yield SqliteSync(files[0], most=MOST), SqliteSync(files[1], most=MOST)
        for file in files:
            await file.aclose()
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    server.call("FLUSHALL")
    both = [Connections(server.url, timeout_s=30, max_connections=32) for _ in range(2)]
    yield RedisSync(both[0], "sync", most=MOST), RedisSync(both[1], "sync", most=MOST)
    for each in both:
        await each.aclose()


async def test_one_owner_at_a_time_has_the_lease_and_may_renew_it(stores: Two) -> None:
    one, other = stores
    assert await one.lease("s", "a", now_s=NOW, for_s=10)
    assert await one.lease("s", "a", now_s=NOW + 5, for_s=10)
    assert not await other.lease("s", "b", now_s=NOW + 14.9, for_s=10)
    assert await other.lease("t", "b", now_s=NOW, for_s=10)  # of another project
    assert await other.lease("s", "b", now_s=NOW + 15, for_s=10)
    assert not await one.lease("s", "a", now_s=NOW + 16, for_s=10)


async def test_a_lease_is_given_back_by_its_owner_alone(stores: Two) -> None:
    one, other = stores
    assert await one.lease("s", "a", now_s=NOW, for_s=10)
    await other.release("s", "b")
    assert not await other.lease("s", "b", now_s=NOW, for_s=10)
    await one.release("s", "a")
    assert await other.lease("s", "b", now_s=NOW, for_s=10)


async def test_of_many_who_ask_at_once_one_gets_the_lease(stores: Two) -> None:
    asked = [stores[n % 2].lease("s", f"worker-{n}", now_s=NOW, for_s=10) for n in range(20)]
    assert sum(await asyncio.gather(*asked)) == 1


async def test_notes_are_kept_by_scope_kind_and_id_and_forgotten(stores: Two) -> None:
    one, other = stores
    await one.note("s", Note.PUSHED, {"a": "1", "b": "ü"})
    await one.note("s", Note.PUSHED, {"a": "2"})
    await one.note("s", Note.READ, {"c": ""})
    await one.note("s", Note.READ, {})

    assert await other.noted("s", Note.PUSHED, ["a", "b", "x"]) == {"a": "2", "b": "ü"}
    assert await other.noted("s", Note.READ, ["a", "c"]) == {"c": ""}
    assert await other.noted("t", Note.PUSHED, ["a"]) == {}
    assert await other.noted("s", Note.PUSHED, []) == {}
    assert await other.all_noted("s", Note.PUSHED) == {"a": "2", "b": "ü"}
    await other.forget("s", Note.PUSHED, ["a", "x"])
    await other.forget("s", Note.PUSHED, [])
    assert await one.all_noted("s", Note.PUSHED) == {"b": "ü"}


async def test_the_oldest_notes_make_room(stores: Two) -> None:
    one, _ = stores
    for number in range(MOST + 2):
        await one.note("s", Note.READ, {f"{number}": ""})
    await one.note("s", Note.CURSOR, {"other kinds": "stay"})
    assert sorted(await one.all_noted("s", Note.READ)) == ["2", "3", "4", "5", "6"]
    await one.note("s", Note.READ, {"2": "again", "7": ""})
    assert "7" in await one.all_noted("s", Note.READ)
    assert len(await one.all_noted("s", Note.READ)) == MOST
