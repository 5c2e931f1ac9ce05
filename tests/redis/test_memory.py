"""The server's memory is full: what it evicts is a miss, what it refuses is told, and nothing is half there."""

from __future__ import annotations

import pytest

from litellm_plugins.cache.backends.redis import RedisCacheStore
from litellm_plugins.cache.store import Selector
from litellm_plugins.errors import StoreUnavailable
from tests.conformance.entries import HOME, SPACE, at, key_of
from tests.redis.asking import lasting, near, put
from tests.redis.conftest import ServerMaker, StoreOpener
from tests.support.redis_server import RedisServer

BODY = b"x" * 10_000
MANY = 2_000  # 20 MB of bodies alone


def bounded(start: ServerMaker, policy: str) -> RedisServer:
    """A server with room for about a quarter of what these tests put there."""
    server = start(maxmemory_policy=policy)
    used = int(server.call("INFO", "memory")["used_memory"])
    server.call("CONFIG", "SET", "maxmemory", str(used + 6_000_000))
    return server


async def fill(store: RedisCacheStore, *, first: int = 0) -> None:
    for number in range(first, first + MANY):
        await put(store, lasting(str(number), body=BODY), degrees=number % 360)


async def kept(store: RedisCacheStore) -> set[int]:
    found = [await store.get("t", key_of(str(number))) for number in range(MANY)]
    assert all(each is None or each.body == BODY for each in found)
    return {number for number, each in enumerate(found) if each is not None}


async def test_with_an_lru_policy_the_longest_unused_give_way_and_nothing_breaks(
    start_server: ServerMaker, open_store: StoreOpener
) -> None:
    server = bounded(start_server, "allkeys-lru")
    store = open_store(server)
    await fill(store)
    assert int(server.call("INFO", "stats")["evicted_keys"]) > MANY / 2
    left = await kept(store)
    assert MANY / 20 < len(left) < MANY / 2
    assert {MANY - 1, MANY - 2, MANY - 3} <= left


async def test_what_was_evicted_is_no_neighbour_either(start_server: ServerMaker, open_store: StoreOpener) -> None:
    store = open_store(bounded(start_server, "allkeys-lru"))
    await fill(store)
    left = await kept(store)
    neighbours = await store.nearest("t", HOME, at(0), space=SPACE, k=500)
    assert len(neighbours) > 50
    assert {int(neighbour.question) for neighbour in neighbours} <= left
    found = {each.question for _, each in await store.find(Selector(tenant="t"), limit=MANY)}
    assert len(found) > 50
    assert found <= set(map(str, left))  # reading takes memory, too: some more may have gone by now


async def test_with_a_volatile_policy_curated_answers_stay(start_server: ServerMaker, open_store: StoreOpener) -> None:
    server = bounded(start_server, "volatile-lru")
    store = open_store(server)
    await put(store, *(lasting(f"curated {number}", pinned=True) for number in range(20)))
    await fill(store)
    assert int(server.call("INFO", "stats")["evicted_keys"]) > MANY / 2
    for number in range(20):
        assert await store.get("t", key_of(f"curated {number}")) is not None


async def test_without_eviction_a_full_server_refuses_answers_and_goes_on_serving(
    start_server: ServerMaker, open_store: StoreOpener
) -> None:
    server = bounded(start_server, "noeviction")
    store = open_store(server)
    with pytest.raises(StoreUnavailable) as caught:
        await fill(store)
    assert caught.value.reason == "store_full"
    left = await kept(store)
    assert left == set(range(len(left)))
    assert len(await near(store)) == 8

    with pytest.raises(StoreUnavailable, match="store_full"):  # an answer that cannot be replaced stays as it was
        await put(store, lasting("0", body=b"y" * 5_000_000))
    assert await kept(store) == left

    assert await store.remove(Selector(tenant="t")) == len(left)
    await put(store, lasting("0", body=BODY))
    assert await kept(store) == {0}


async def test_an_index_lost_on_a_full_server_is_made_again_once_there_is_room(
    start_server: ServerMaker, open_store: StoreOpener
) -> None:
    server = bounded(start_server, "noeviction")
    store = open_store(server)
    with pytest.raises(StoreUnavailable, match="store_full"):
        await fill(store)
    for index in server.call("FT._LIST"):
        server.call("FT.DROPINDEX", index)
    server.call("CONFIG", "SET", "maxmemory", "1mb")
    with pytest.raises(StoreUnavailable, match="store_full"):
        await near(store)
    assert await store.get("t", key_of("0")) is not None
    server.call("CONFIG", "SET", "maxmemory", "0")
    assert len(await near(store)) == 8
