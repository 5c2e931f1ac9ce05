"""The server goes away and comes back: the store says why, keeps nobody waiting, and heals by itself."""

from __future__ import annotations

import asyncio
import time

import pytest

from litellm_plugins.cache.backends.redis import RedisCacheStore
from litellm_plugins.errors import StoreUnavailable
from tests.conformance.entries import key_of
from tests.redis.asking import healed, lasting, near, put, refusal
from tests.redis.conftest import ServerMaker, StoreOpener
from tests.support import free_port
from tests.support.redis_server import RedisServer

AT_ONCE_S = 0.05  # for a hundred calls together it is twenty times that


async def test_a_killed_server_is_told_and_the_store_heals_when_it_is_back(
    server: RedisServer, store: RedisCacheStore
) -> None:
    """Nothing was saved, so the indexes are gone as well."""
    await put(store, lasting("a"))
    assert await near(store) == {"a"}
    server.kill()
    assert await refusal(store) == "store_unreachable"

    server.start()
    await healed(store)
    assert await store.get("t", key_of("a")) is None
    assert await near(store) == {"healed"}


async def test_what_was_saved_is_served_again_after_a_restart(
    start_server: ServerMaker, open_store: StoreOpener
) -> None:
    server = start_server(appendonly="yes")
    store = open_store(server)
    await put(store, lasting("a"), lasting("b", pinned=True))
    server.stop()
    assert await refusal(store) == "store_unreachable"
    server.start()
    await healed(store)
    assert await near(store) == {"a", "b", "healed"}
    assert await near(open_store(server)) == {"a", "b", "healed"}


async def test_nobody_waits_for_a_server_that_is_gone(server: RedisServer, store: RedisCacheStore) -> None:
    await put(store, lasting("a"))
    server.kill()
    await refusal(store)
    began = time.monotonic()
    for _ in range(100):
        with pytest.raises(StoreUnavailable, match="store_unreachable: not tried"):
            await store.get("t", key_of("a"))
    assert time.monotonic() - began < 20 * AT_ONCE_S


async def test_a_server_that_hangs_keeps_only_the_first_few_waiting(
    server: RedisServer, open_store: StoreOpener
) -> None:
    """It is stopped, swapping, or forking: connections are taken, and nothing is answered."""
    await put(open_store(server), lasting("a"))
    store = open_store(server, timeout_s=0.3)
    server.freeze()
    waited = []
    for _ in range(20):
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="store_timeout"):
            await store.get("t", key_of("a"))
        waited.append(time.monotonic() - began)
    assert sum(each > AT_ONCE_S for each in waited) <= 5
    assert max(waited) < 2

    server.thaw()
    await healed(store)
    assert await store.get("t", key_of("a")) is not None


async def test_askers_who_give_up_first_teach_the_store_that_the_server_hangs(
    server: RedisServer, open_store: StoreOpener
) -> None:
    """A look-up has a deadline of its own, shorter than the store's."""
    store = open_store(server, timeout_s=30)
    await put(store, lasting("a"))
    server.freeze()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await store.get("t", key_of("a"))
    with pytest.raises(StoreUnavailable, match="store_timeout: not tried"):
        await store.get("t", key_of("a"))
    server.thaw()
    await healed(store)


async def test_many_who_ask_at_once_while_it_is_down_all_get_their_answer(
    server: RedisServer, store: RedisCacheStore
) -> None:
    server.kill()
    calls = (store.get("t", key_of(str(n))) for n in range(200))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(answer) for answer in answers} == {StoreUnavailable}
    server.start()
    await healed(store)


async def test_more_askers_than_connections_take_turns(server: RedisServer, store: RedisCacheStore) -> None:
    await put(store, *(lasting(str(n)) for n in range(20)))
    found = await asyncio.gather(*(store.get("t", key_of(str(n % 20))) for n in range(500)))
    assert [each and each.question for each in found] == [str(n % 20) for n in range(500)]
    assert int(server.call("INFO", "clients")["connected_clients"]) <= 16 + 1


async def test_connections_that_the_server_closed_cost_no_miss(server: RedisServer, store: RedisCacheStore) -> None:
    """Its `timeout`, or a load balancer's, closes those that lie idle."""
    await put(store, lasting("a"))
    for _ in range(3):
        server.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        assert await store.get("t", key_of("a")) is not None
        assert await near(store) == {"a"}


async def test_a_server_that_was_never_there_is_unreachable(open_store: StoreOpener) -> None:
    assert await refusal(open_store(f"redis://127.0.0.1:{free_port()}")) == "store_unreachable"
    assert await refusal(open_store("redis://no-such-host.invalid:6379")) == "store_unreachable"


async def test_another_worker_serves_what_the_first_has_put_and_after_it_is_gone(
    server: RedisServer, open_store: StoreOpener
) -> None:
    first, second = open_store(server), open_store(server)
    for number in range(20):
        await put(first, lasting(str(number)))
        assert await second.get("t", key_of(str(number))) is not None
        assert len(await near(second, k=50)) == number + 1
    await first.aclose()
    assert len(await near(second, k=50)) == 20
