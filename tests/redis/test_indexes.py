"""The indexes follow the entries: made on first use, made again when lost, one for each vector space."""

from __future__ import annotations

import time

import numpy as np
import pytest

from litellm_plugins.cache.backends.redis import RedisCacheStore
from litellm_plugins.cache.store import Selector
from tests.conformance.entries import HOME, SPACE, at, key_of
from tests.redis.asking import lasting, near, put
from tests.redis.conftest import StoreOpener
from tests.support import eventually
from tests.support.redis_server import RedisServer


def drop_indexes(server: RedisServer) -> None:
    for index in server.call("FT._LIST"):
        server.call("FT.DROPINDEX", index)


async def test_the_index_is_hnsw_by_cosine_on_32_bit_floats(server: RedisServer, store: RedisCacheStore) -> None:
    await put(store, lasting())
    (index,) = (name for name in server.call("FT._LIST") if ":space:" in name)
    (vector,) = (told for told in server.call("FT.INFO", index)["attributes"] if told["type"] == "VECTOR")
    assert (vector["algorithm"], vector["data_type"], vector["distance_metric"]) == ("HNSW", "FLOAT32", "COSINE")
    assert vector["dim"] == len(at(0))


async def test_a_dropped_index_is_made_again_by_the_next_look_up(server: RedisServer, open_store: StoreOpener) -> None:
    """Small as it is, that very look-up finds what there is; and what is put later is indexed, too."""
    stores = [open_store(server), open_store(server)]
    for number in range(5):
        await put(stores[0], lasting(str(number)))
    for store in stores:
        drop_indexes(server)
        assert len(await near(store)) == 5
    await put(stores[0], lasting("5"))
    assert len(await near(stores[1])) == 6


async def test_a_large_index_that_was_lost_fills_while_look_ups_go_on(
    server: RedisServer, open_store: StoreOpener
) -> None:
    store = open_store(server, timeout_s=30)
    for number in range(3_000):
        await put(store, lasting(str(number)), degrees=number / 10)
    drop_indexes(server)
    deadline = time.monotonic() + 20
    while "0" not in await near(store):
        assert time.monotonic() < deadline
    assert await store.get("t", key_of("0")) is not None


async def test_nothing_escapes_a_removal_because_the_index_was_lost(
    server: RedisServer, open_store: StoreOpener
) -> None:
    """An administrator's search waits for the whole index, where a request would not."""
    store = open_store(server, timeout_s=30)
    for number in range(3_000):
        await put(store, lasting(str(number), tags=("stale",) if number % 2 else ()))
    drop_indexes(server)
    assert await store.remove(Selector(tag="stale")) == 1_500
    assert await store.find(Selector(tag="stale"), limit=5) == []
    assert server.call("DBSIZE") == 1_500


async def test_a_flushed_server_is_a_new_one_to_every_worker(server: RedisServer, open_store: StoreOpener) -> None:
    one, other = open_store(server), open_store(server)
    for attempt in range(3):
        await put(one, lasting(f"a{attempt}", tags=("x",)))
        assert await near(other) == {f"a{attempt}"}
        server.call("FLUSHALL")
        assert await one.get("t", key_of(f"a{attempt}")) is None
        assert await near(one) == await near(other) == set()
        assert await other.find(Selector(tag="x"), limit=5) == []


async def test_an_answer_put_right_after_a_flush_is_found(server: RedisServer, store: RedisCacheStore) -> None:
    """The store has seen the indexes before, and does not know that they are gone."""
    await put(store, lasting("a"))
    server.call("FLUSHALL")
    await put(store, lasting("b", tags=("x",)))
    assert await near(store) == {"b"}
    assert len(await store.find(Selector(tag="x"), limit=5)) == 1


async def test_a_changed_embedder_begins_a_space_of_its_own(server: RedisServer, store: RedisCacheStore) -> None:
    """Another model, or other dimensions of the same; each entry stays where it was embedded."""
    longer = np.array([1, 0, 0, 0, 0, 0], np.float32)
    await store.put("t", lasting("old"), vector=at(0), space="model:1")
    await store.put("t", lasting("new"), vector=at(0), space="model:2")
    await store.put("t", lasting("longer"), vector=longer, space="model:2")
    assert sum(":space:" in name for name in server.call("FT._LIST")) == 3
    for space, vector, question in (
        ("model:1", at(0), "old"),
        ("model:2", at(0), "new"),
        ("model:2", longer, "longer"),
    ):
        found = await store.nearest("t", HOME, vector, space=space, k=8)
        assert [neighbour.question for neighbour in found] == [question]
    assert len(await store.find(Selector(tenant="t"), limit=5)) == 3


async def test_installations_with_prefixes_of_their_own_share_a_server_and_nothing_else(
    server: RedisServer, open_store: StoreOpener
) -> None:
    stores = {prefix: open_store(server, prefix=prefix) for prefix in ("pack", "pack-2", "pack.1")}
    for prefix, store in stores.items():
        await put(store, lasting("a", body=prefix.encode()))
    for prefix, store in stores.items():
        ((_, found),) = await store.find(Selector(tenant="t"), limit=5)
        assert found.body == prefix.encode()
        assert len(await near(store)) == 1
    assert await stores["pack"].remove(Selector(tenant="t")) == 1
    assert await near(stores["pack-2"]) == {"a"}


async def test_the_server_itself_drops_what_has_lapsed_and_keeps_what_is_pinned(
    server: RedisServer, store: RedisCacheStore
) -> None:
    await put(store, lasting("short", for_s=0.5), lasting("long", for_s=500), lasting("pinned", for_s=0.5, pinned=True))
    lives = {server.call("PTTL", key) for key in server.call("KEYS", "*:entry:*")}
    assert -1 in lives
    assert max(lives) <= 500_000
    eventually(lambda: server.call("DBSIZE") == 2, what="the lapsed entry to go")
    assert await near(store) == {"long", "pinned"}


async def test_an_extended_entry_lives_on_at_the_server(server: RedisServer, store: RedisCacheStore) -> None:
    kept = lasting("a", for_s=60)
    await put(store, kept)
    await store.extend("t", kept.key, time.time() + 600)
    (key,) = server.call("KEYS", "*:entry:*")
    assert server.call("PTTL", key) > 300_000, "the server goes by what it was told last"
    assert await store.get("t", kept.key) is not None
    assert await near(store) == {"a"}


async def test_an_entry_under_another_tenants_key_is_not_served(server: RedisServer, store: RedisCacheStore) -> None:
    """The tenant is in the entry, and is looked at again: whatever the key or the index say, as if two hashes met."""
    await put(store, lasting("a"))
    (key,) = server.call("KEYS", "*:entry:*")
    await store.put("u", lasting("a"), vector=at(0), space=SPACE)
    (theirs,) = (each for each in server.call("KEYS", "*:entry:*") if each != key)
    server.call("HSET", theirs, "meta", server.call("HGET", key, "meta"))
    assert await store.get("u", key_of("a")) is None
    assert await store.nearest("u", HOME, at(0), space=SPACE, k=8) == []
    assert [tenant for tenant, _ in await store.find(Selector(tenant="u"), limit=5)] == []


@pytest.mark.parametrize("missing", ["meta", "expires_at"])
async def test_an_entry_that_somebody_maimed_is_a_miss(
    server: RedisServer, store: RedisCacheStore, missing: str
) -> None:
    await put(store, lasting("a", tags=("x",)))
    (key,) = server.call("KEYS", "*:entry:*")
    server.call("HDEL", key, missing)
    assert await store.get("t", key_of("a")) is None
    assert await near(store) == set()
    await put(store, lasting("a"))
    assert await near(store) == {"a"}
