"""Many at once, on one worker's store and on several workers': nothing lost, nothing twice, no error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from litellm_plugins.cache.store import CacheStore
from tests.conformance.conftest import Backend
from tests.conformance.entries import HOME, SPACE, at, entry, key_of

MANY = 100
ATTEMPTS = 60  # a fault of the first moment shows in about one of twenty
Opener = Callable[[], CacheStore]


async def test_workers_that_start_at_the_same_moment_all_come_up(backend: Backend) -> None:
    """A fresh installation with several workers: each would create what is not there yet."""
    for attempt in range(ATTEMPTS):
        fresh = backend.emptied(str(attempt))
        stores = [fresh.open() for _ in range(8)]
        await asyncio.gather(
            *(store.put("t", entry(str(n)), vector=at(0), space=SPACE) for n, store in enumerate(stores)),
            *(store.get("t", key_of("0")) for store in stores),
        )
        for n in range(8):
            assert await stores[-1].get("t", key_of(str(n))) is not None
        for store in stores:
            await store.aclose()


async def test_many_puts_at_once_are_all_kept(open_store: Opener) -> None:
    stores = [open_store() for _ in range(4)]
    await asyncio.gather(*(stores[n % 4].put("t", entry(str(n)), vector=at(n), space=SPACE) for n in range(MANY)))
    found = await asyncio.gather(*(stores[(n + 1) % 4].get("t", key_of(str(n))) for n in range(MANY)))
    assert [one and one.question for one in found] == [str(n) for n in range(MANY)]
    for store in stores:
        assert len(await store.nearest("t", HOME, at(0), space=SPACE, k=2 * MANY)) == MANY


async def test_many_puts_of_one_key_leave_one_entry(open_store: Opener) -> None:
    """A popular question's answers all arrive at once after a miss."""
    stores = [open_store() for _ in range(4)]
    await asyncio.gather(
        *(stores[n % 4].put("t", entry("a", body=b"%d" % n), vector=at(n), space=SPACE) for n in range(MANY))
    )
    kept = [await store.get("t", key_of("a")) for store in stores]
    assert kept[0] is not None
    assert kept[0].body in {b"%d" % n for n in range(MANY)}
    assert kept == [kept[0]] * 4
    for store in stores:
        (found,) = await store.nearest("t", HOME, at(0), space=SPACE, k=8)
        assert found.key == key_of("a")


async def test_a_reader_never_sees_half_of_a_replacement(open_store: Opener) -> None:
    """While one worker replaces an entry over and over, the other always finds it, and whole."""
    writer, reader = open_store(), open_store()
    bodies = [bytes([n]) * 50_000 for n in range(2)]
    await writer.put("t", entry("a", body=bodies[0], prompt_tokens=0), vector=at(0), space=SPACE)

    async def write() -> None:
        for n in range(MANY):
            which = n % 2
            kept = entry("a", body=bodies[which], prompt_tokens=which)
            await writer.put("t", kept, vector=at(0), space=SPACE)

    async def read() -> None:
        for _ in range(MANY):
            found = await reader.get("t", key_of("a"))
            assert found is not None
            assert found.body == bodies[found.prompt_tokens]

    await asyncio.gather(write(), read())


async def test_searches_beside_puts_neither_fail_nor_find_what_is_not_there(open_store: Opener) -> None:
    """The index grows while it is read, here and in the other worker."""
    one, other = open_store(), open_store()
    names = {str(n) for n in range(MANY)}

    async def search(store: CacheStore) -> None:
        for n in range(MANY):
            found = await store.nearest("t", HOME, at(n), space=SPACE, k=8)
            assert {neighbour.question for neighbour in found} <= names

    await asyncio.gather(
        search(one),
        search(other),
        *((one, other)[n % 2].put("t", entry(str(n)), vector=at(n), space=SPACE) for n in range(MANY)),
    )
    for store in (one, other):
        assert len(await store.nearest("t", HOME, at(0), space=SPACE, k=2 * MANY)) == MANY
