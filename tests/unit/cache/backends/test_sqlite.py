"""What is the embedded store's own: its bound, its file taken away, other processes beside it."""

# ruff: noqa: ASYNC220, ASYNC240 - what blocks here holds up only its own test
from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from litellm_plugins.cache.backends.sqlite import SCHEMA, SqliteCacheStore
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.storage.sqlite import SqliteFile
from tests.conformance.entries import HOME, NOW, SPACE, at, entry, key_of
from tests.unit.cache.fakes import Clock

MB = 1024 * 1024
Opener = Callable[..., SqliteCacheStore]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.db"


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
async def open_store(path: Path, clock: Clock) -> AsyncIterator[Opener]:
    opened: list[SqliteCacheStore] = []

    def open_one(max_bytes: int = 100 * MB) -> SqliteCacheStore:
        file = SqliteFile(path, schema=SCHEMA, clock=clock)
        opened.append(SqliteCacheStore(file, max_bytes=max_bytes, clock=clock))
        return opened[-1]

    yield open_one
    for store in opened:
        await store.aclose()


async def put(store: SqliteCacheStore, name: str, *, size: int = 0, lives: float = 3_600, degrees: float = 0) -> None:
    kept = entry(name, body=b"x" * size, expires_at=NOW + lives)
    await store.put("t", kept, vector=at(degrees), space=SPACE)


async def has(store: SqliteCacheStore, name: str) -> bool:
    return await store.get("t", key_of(name)) is not None


def live_bytes(path: Path) -> int:
    db = sqlite3.connect(path)
    pages, free, size = (
        db.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "freelist_count", "page_size")
    )
    db.close()
    return int((pages - free) * size)


async def test_the_file_stays_within_its_bound_whatever_is_put(open_store: Opener, path: Path) -> None:
    """Live pages, at every moment that another process could look; the newest entry is always there."""
    store = open_store(max_bytes=MB)
    for number in range(150):
        await put(store, str(number), size=1_000 * (number % 40))
        assert live_bytes(path) <= MB
        assert await has(store, str(number))
    assert path.stat().st_size <= 2 * MB, "freed pages are used again"


async def test_lapsed_entries_go_before_any_that_lives(open_store: Opener, clock: Clock) -> None:
    """Even one that was used a moment ago."""
    store = open_store(max_bytes=MB)
    await put(store, "living", size=100_000)
    clock.now += 100
    for number in range(8):
        await put(store, f"short {number}", size=100_000, lives=200)
    clock.now += 150
    await put(store, "new", size=400_000)
    assert await has(store, "living")
    assert await has(store, "new")


async def test_the_entry_used_longest_ago_goes_first(open_store: Opener, clock: Clock) -> None:
    """Not the oldest: what is asked for every day stays."""
    store = open_store(max_bytes=MB)
    for number in range(8):
        await put(store, str(number), size=100_000)
        clock.now += 61
    assert await has(store, "0")
    await put(store, "new", size=350_000)
    assert [number for number in range(8) if not await has(store, str(number))] == [1, 2]


async def test_an_entry_larger_than_the_whole_bound_is_not_kept_and_breaks_nothing(
    open_store: Opener,
) -> None:
    """The next one finds the store working."""
    store = open_store(max_bytes=MB)
    await put(store, "giant", size=2 * MB)
    assert not await has(store, "giant")
    await put(store, "small")
    assert await has(store, "small")


async def test_what_eviction_took_does_not_hide_what_lives(open_store: Opener, clock: Clock) -> None:
    """A hundred nearer entries were in the index when they were evicted."""
    store = open_store(max_bytes=MB)
    for number in range(100):
        await put(store, f"old {number}", size=6_000)
    assert len(await store.nearest("t", HOME, at(0), space=SPACE, k=8)) == 8
    clock.now += 1
    await put(store, "kept", size=1_000_000, degrees=20)
    found = [n.question for n in await store.nearest("t", HOME, at(0), space=SPACE, k=8)]
    assert found[-1] == "kept"
    assert all([await has(store, question) for question in found])


async def test_a_hit_does_not_write_each_time(open_store: Opener, path: Path, clock: Clock) -> None:
    """The last use is kept to the minute, or every hit would wait for the disk."""
    store = open_store()
    await put(store, "a")

    def used_at() -> float:
        db = sqlite3.connect(path)
        (used,) = db.execute("SELECT used_at FROM cache_entries").fetchone()
        db.close()
        return float(used)

    clock.now += 60
    await has(store, "a")
    assert used_at() == NOW
    clock.now += 1
    await has(store, "a")
    await put(store, "b")  # writes stand in line: by now the last use is written, too
    assert used_at() == NOW + 61


async def test_a_hit_stands_when_its_use_cannot_be_written(open_store: Opener, path: Path, clock: Clock) -> None:
    """A read-only file still answers."""
    store = open_store()
    await put(store, "a")
    path.chmod(0o400)
    clock.now += 61
    assert await has(store, "a")
    assert len(await store.nearest("t", HOME, at(0), space=SPACE, k=8)) == 1
    with pytest.raises(StoreUnavailable) as caught:
        await put(store, "b")
    assert caught.value.reason == "store_read_only"


async def test_after_the_file_was_deleted_nothing_of_it_is_served(open_store: Opener, path: Path, clock: Clock) -> None:
    """The row ids of the new file begin anew: an index of the old one would point at the wrong answers."""
    store = open_store()
    await put(store, "old", degrees=0)
    assert len(await store.nearest("t", HOME, at(0), space=SPACE, k=8)) == 1
    path.unlink()
    clock.now += 1
    for call in (put(store, "lost"), has(store, "old")):
        with pytest.raises(StoreUnavailable) as caught:
            await call
        assert caught.value.reason == "store_file_gone"
    await put(store, "new", degrees=90)
    assert not await has(store, "old")
    (found,) = await store.nearest("t", HOME, at(0), space=SPACE, k=8)
    assert (found.question, round(found.similarity, 5)) == ("new", 0)


async def test_a_schema_of_an_earlier_start_is_taken_as_it_is(open_store: Opener) -> None:
    """Opening a filled file again changes nothing in it."""
    for name in ("a", "b", "c"):
        await put(open_store(), name)
    assert all([await has(open_store(), name) for name in ("a", "b", "c")])


WRITER = """
import asyncio, sys
from pathlib import Path
from litellm_plugins.cache.backends.sqlite import SCHEMA, SqliteCacheStore
from litellm_plugins.storage.sqlite import SqliteFile
from tests.conformance.entries import NOW, SPACE, at, entry

async def main():
    file = SqliteFile(Path(sys.argv[1]), schema=SCHEMA)
    store = SqliteCacheStore(file, max_bytes=100_000_000, clock=lambda: NOW)
    number = 0
    while True:
        await store.put("t", entry(str(number), body=b"x" * 20_000), vector=at(number), space=SPACE)
        print(number, flush=True)
        number += 1

asyncio.run(main())
"""


async def test_answers_of_a_worker_killed_while_writing_are_served_by_the_next(open_store: Opener, path: Path) -> None:
    """`kill -9`: by their key and by their neighbourhood, each whole."""
    root = Path(__file__).parents[4]
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline().strip() for _ in range(60)]
        writer.kill()
        told += writer.stdout.read().split()
    store = open_store()
    for name in told:
        kept = await store.get("t", key_of(name))
        assert kept is not None
        assert kept.body == b"x" * 20_000
    found = {n.question for n in await store.nearest("t", HOME, at(0), space=SPACE, k=10_000)}
    assert set(told) <= found
    await put(store, "after")
    assert await has(store, "after")
