"""The one SQLite file when all is well: who may read it, what survives, what runs where."""

# ruff: noqa: ASYNC220, ASYNC240 - what blocks here holds up only its own test
from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.storage.migrations import Migration
from litellm_plugins.storage.sqlite import SqliteFile

NOTES = "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE)"
SCHEMA = (Migration(1, (NOTES,)),)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "pack.db"


@pytest.fixture
async def file(path: Path) -> AsyncIterator[SqliteFile]:
    opened = SqliteFile(path, schema=SCHEMA)
    yield opened
    await opened.aclose()


@pytest.fixture
def generous_umask() -> Iterator[None]:
    """As on a machine where everybody may read what everybody writes."""
    before = os.umask(0)
    yield
    os.umask(before)


async def add(file: SqliteFile, text: str) -> None:
    await file.write(lambda db: db.execute("INSERT INTO notes (text) VALUES (?)", (text,)))


async def texts(file: SqliteFile) -> list[str]:
    return await file.read(lambda db: [text for (text,) in db.execute("SELECT text FROM notes ORDER BY id")])


async def test_making_one_opens_nothing(path: Path) -> None:
    """Wiring happens before anybody knows whether the cache is used."""
    threads = threading.active_count()
    file = SqliteFile(path, schema=SCHEMA)
    assert threading.active_count() == threads
    assert not path.parent.exists()
    await file.aclose()
    assert not path.parent.exists()


async def test_the_folder_is_made_when_it_is_needed(file: SqliteFile, path: Path) -> None:
    """`./data` of the default setting is not there on a fresh machine."""
    await add(file, "a")
    assert path.exists()
    assert await texts(file) == ["a"]


@pytest.mark.usefixtures("generous_umask")
async def test_no_other_user_of_the_machine_can_read_any_of_it(file: SqliteFile, path: Path) -> None:
    """Prompts lie in the file, and the newest of them in the log beside it."""
    await add(file, "a")
    await texts(file)
    modes = {part.name: stat.S_IMODE(part.stat().st_mode) for part in path.parent.iterdir()}
    assert modes == {"pack.db": 0o600, "pack.db-wal": 0o600, "pack.db-shm": 0o600}


async def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    """Made by hand, or restored from a backup."""
    path.parent.mkdir()
    path.touch(mode=0o666)
    path.chmod(0o666)
    file = SqliteFile(path, schema=SCHEMA)
    await add(file, "a")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await file.aclose()


async def test_work_never_runs_on_the_event_loop(file: SqliteFile) -> None:
    """A slow disk must not hold up every request of the worker."""
    here = threading.get_ident()
    for lane in (file.read, file.write):
        assert await lane(lambda _: threading.get_ident()) != here


async def test_a_reader_does_not_wait_for_the_writer(file: SqliteFile) -> None:
    """What is read is what was committed."""
    await add(file, "a")
    inside, done = threading.Event(), threading.Event()

    def slow_write(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO notes (text) VALUES ('b')")
        inside.set()
        assert done.wait(30)

    writing = asyncio.create_task(file.write(slow_write))
    await asyncio.to_thread(inside.wait, 30)
    assert await texts(file) == ["a"]
    done.set()
    await writing
    assert await texts(file) == ["a", "b"]


async def test_work_that_fails_halfway_leaves_nothing_behind(file: SqliteFile) -> None:
    """One transaction each."""

    def half(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO notes (text) VALUES ('a')")
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        await file.write(half)
    assert await texts(file) == []


async def test_a_statement_that_breaks_a_rule_does_not_break_the_next(file: SqliteFile) -> None:
    """And comes out as our error, not as the driver's."""
    await add(file, "a")
    with pytest.raises(StoreUnavailable) as caught:
        await add(file, "a")
    assert isinstance(caught.value.__cause__, sqlite3.Error)
    await add(file, "b")
    assert await texts(file) == ["a", "b"]


async def test_an_asker_who_gives_up_does_not_undo_or_block_the_work(file: SqliteFile) -> None:
    """A lookup's deadline cancels the waiting, never the thread."""
    inside, done = threading.Event(), threading.Event()

    def slow(db: sqlite3.Connection) -> None:
        inside.set()
        assert done.wait(30)
        db.execute("INSERT INTO notes (text) VALUES ('a')")

    asking = asyncio.create_task(file.write(slow))
    await asyncio.to_thread(inside.wait, 30)
    asking.cancel()
    done.set()
    await add(file, "b")
    assert await texts(file) == ["a", "b"]
    assert asking.cancelled()


async def test_work_that_nobody_waits_for_any_more_is_not_begun(file: SqliteFile) -> None:
    """Behind a disk that stalls, look-ups past their deadline must not pile up and run one by one."""
    inside, done, begun = threading.Event(), threading.Event(), threading.Event()

    def slow(db: sqlite3.Connection) -> None:
        inside.set()
        assert done.wait(30)

    first = asyncio.create_task(file.read(slow))
    await asyncio.to_thread(inside.wait, 30)
    queued = asyncio.create_task(file.read(lambda db: begun.set()))
    await asyncio.sleep(0.05)
    queued.cancel()
    await asyncio.sleep(0)
    done.set()
    await first
    assert await texts(file) == []  # runs behind the abandoned work
    assert not begun.is_set()


async def test_closing_twice_does_no_harm_and_ends_the_threads(path: Path) -> None:
    """And whoever comes later is told."""
    before = threading.active_count()
    file = SqliteFile(path, schema=SCHEMA)
    await add(file, "a")
    await texts(file)
    await file.aclose()
    await file.aclose()
    assert threading.active_count() == before
    for call in (texts(file), add(file, "b")):
        with pytest.raises(StoreUnavailable) as caught:
            await call
        assert caught.value.reason == "closed"


WRITER = """
import asyncio, sys
from pathlib import Path
from litellm_plugins.storage.migrations import Migration
from litellm_plugins.storage.sqlite import SqliteFile

async def main():
    file = SqliteFile(Path(sys.argv[1]), schema=[Migration(1, (sys.argv[2],))])
    number = 0
    while True:
        await file.write(lambda db: db.execute("INSERT INTO notes (text) VALUES (?)", (str(number),)))
        print(number, flush=True)
        number += 1

asyncio.run(main())
"""


async def test_what_was_committed_outlives_kill_9(path: Path) -> None:
    """Killed in the midst of its writing, several times over; the next process simply goes on."""
    for _ in range(3):
        writer = subprocess.Popen(
            [
                sys.executable,
                "-c",
                WRITER.replace("number = 0", f"number = {1_000 * _}"),
                str(path),
                NOTES,
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        told = [writer.stdout.readline().strip() for _ in range(50)]
        writer.send_signal(signal.SIGKILL)
        told += writer.stdout.read().split()
        writer.stdout.close()
        assert writer.wait() == -signal.SIGKILL
        file = SqliteFile(path, schema=SCHEMA)
        kept = await texts(file)
        assert set(told) <= set(kept)
        assert await file.read(lambda db: db.execute("PRAGMA integrity_check").fetchall()) == [("ok",)]
        await add(file, f"after {_}")
        await file.aclose()
