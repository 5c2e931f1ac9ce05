"""The one SQLite file when something is done to it: each fault has its word, and the next call goes on."""

# ruff: noqa: ASYNC240 - what blocks here holds up only its own test
from __future__ import annotations

import asyncio
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.storage.migrations import Migration
from litellm_plugins.storage.sqlite import SqliteFile, _Lane

NOTES = "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT)"
SCHEMA = (Migration(1, (NOTES,)),)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pack.db"


@pytest.fixture
async def file(path: Path, clock: Clock) -> AsyncIterator[SqliteFile]:
    opened = SqliteFile(path, schema=SCHEMA, clock=clock)
    yield opened
    await opened.aclose()


async def add(file: SqliteFile, text: str) -> None:
    await file.write(lambda db: db.execute("INSERT INTO notes (text) VALUES (?)", (text,)))


async def texts(file: SqliteFile) -> list[str]:
    return await file.read(lambda db: [text for (text,) in db.execute("SELECT text FROM notes ORDER BY id")])


async def refusal(call: object) -> str:
    with pytest.raises(StoreUnavailable) as caught:
        await call  # type: ignore[misc]  # any of our coroutines
    return caught.value.reason


def take_away(path: Path, *, with_log: bool) -> None:
    for part in path.parent.iterdir():
        if part == path or (with_log and part.name in {f"{path.name}-wal", f"{path.name}-shm"}):
            part.unlink()


@pytest.mark.parametrize("with_log", [True, False], ids=["with its log", "without its log"])
async def test_a_deleted_file_is_told_once_and_begun_anew(
    file: SqliteFile, path: Path, clock: Clock, with_log: bool
) -> None:
    """SQLite itself would go on writing into a file that nobody can ever open again."""
    await add(file, "before")
    assert await texts(file) == ["before"]
    take_away(path, with_log=with_log)
    assert await refusal(add(file, "lost")) == "store_file_gone"
    await add(file, "after")
    clock.now += 1
    assert await refusal(texts(file)) == "store_file_gone"
    assert await texts(file) == ["after"]
    await add(file, "and on")
    assert await texts(file) == ["after", "and on"]
    check = sqlite3.connect(path)
    assert check.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert check.execute("SELECT count(*) FROM notes").fetchone() == (2,)
    check.close()


async def test_a_new_file_takes_no_journal_of_a_deleted_one_that_somebody_has_open(
    file: SqliteFile, path: Path
) -> None:
    """SQLite would cut its shared memory to nothing, and end the process of who reads on beyond that (SIGBUS)."""
    journals = [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm")]
    await add(file, "before")
    assert await texts(file) == ["before"]
    of_the_old = [each.stat().st_ino for each in journals]  # no new file gets these while the reader has them open
    path.unlink()
    assert await refusal(add(file, "lost")) == "store_file_gone"
    await add(file, "after")

    assert not {each.stat().st_ino for each in journals} & set(of_the_old)


async def test_nor_does_who_opens_it_for_the_first_time_in_a_process_that_had_the_deleted_one_open(
    file: SqliteFile, path: Path
) -> None:
    """Reading, writing and scanning have a connection each, which is opened when it is needed."""
    journals = [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm")]
    await add(file, "before")
    of_the_old = [each.stat().st_ino for each in journals]
    path.unlink()
    assert await texts(file) == []

    assert not {each.stat().st_ino for each in journals} & set(of_the_old)
    assert await refusal(add(file, "lost")) == "store_file_gone"
    await add(file, "after")
    assert await texts(file) == ["after"]


async def test_nobody_opens_it_while_another_worker_is_about_to_unlink_the_old_one_s_journal(
    file: SqliteFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, holds, may_go_on = SqliteFile(path, schema=SCHEMA), threading.Event(), threading.Event()
    unlink = _Lane._unlink_leftovers

    def late(lane: _Lane) -> None:
        holds.set()
        may_go_on.wait(10)
        unlink(lane)

    for each in (file, other):
        await add(each, "before")
    path.unlink()
    for each in (file, other):
        assert await refusal(add(each, "lost")) == "store_file_gone"
    monkeypatch.setattr(_Lane, "_unlink_leftovers", late)
    one = asyncio.create_task(add(file, "one's"))
    await asyncio.to_thread(holds.wait, 10)
    others = asyncio.create_task(add(other, "other's"))
    await asyncio.wait([others], timeout=0.2)
    assert not others.done()
    may_go_on.set()
    await asyncio.gather(one, others)
    assert sorted(await texts(other)) == ["one's", "other's"]
    await other.aclose()


async def test_a_reader_notices_a_deleted_file_within_a_second(file: SqliteFile, path: Path, clock: Clock) -> None:
    """Not at every read: a look at the folder costs more than the read."""
    await add(file, "before")
    await texts(file)
    await texts(file)
    path.unlink()
    clock.now += 1
    assert await refusal(texts(file)) == "store_file_gone"
    assert await texts(file) == []


async def test_a_file_replaced_by_another_is_taken_up(file: SqliteFile, path: Path, clock: Clock) -> None:
    """Somebody restores a backup while the proxy runs."""
    await add(file, "mine")
    await texts(file)
    backup = path.with_name("backup.db")
    restored = sqlite3.connect(backup)
    restored.execute(NOTES)
    restored.execute("INSERT INTO notes (text) VALUES ('restored')")
    restored.commit()
    restored.close()
    take_away(path, with_log=True)
    backup.rename(path)
    clock.now += 1
    assert await refusal(texts(file)) == "store_file_gone"
    assert await refusal(add(file, "lost")) == "store_file_gone"
    await add(file, "and on")
    assert await texts(file) == ["restored", "and on"]


async def test_a_file_made_read_only_is_read_but_not_written_even_by_root(file: SqliteFile, path: Path) -> None:
    """In a container all runs as root, to whom the bits mean nothing: they still say what is wanted."""
    await add(file, "a")
    await texts(file)
    path.chmod(0o400)
    assert await refusal(add(file, "b")) == "store_read_only"
    assert await texts(file) == ["a"]
    path.chmod(0o600)
    await add(file, "c")
    assert await texts(file) == ["a", "c"]


async def test_a_file_found_read_only_at_the_start_is_read_but_not_written(path: Path) -> None:
    """Its bits stay as they were set."""
    first = SqliteFile(path, schema=SCHEMA)
    await add(first, "a")
    await first.aclose()
    path.chmod(0o400)
    file = SqliteFile(path, schema=SCHEMA)
    assert await texts(file) == ["a"]
    assert await refusal(add(file, "b")) == "store_read_only"
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    path.chmod(0o600)
    await add(file, "c")
    assert await texts(file) == ["a", "c"]
    await file.aclose()


async def test_a_file_that_is_no_database_is_set_aside_whole(file: SqliteFile, path: Path) -> None:
    """Its bytes are kept for whoever wants to look; the next request already has a working store."""
    path.write_bytes(b"this is no database " * 1_000)
    assert await refusal(add(file, "lost")) == "store_corrupt"
    await add(file, "after")
    assert await texts(file) == ["after"]
    (aside,) = path.parent.glob("pack.db.corrupt-*")
    assert aside.read_bytes() == b"this is no database " * 1_000


def begin_and_damage(path: Path) -> None:
    """A file of a few hundred pages whose middle is overwritten: it opens, and fails when it is read."""
    made = sqlite3.connect(path)
    made.execute(NOTES)
    made.executemany("INSERT INTO notes (text) VALUES (?)", [("x" * 3_000,)] * 500)
    made.commit()
    made.close()
    with path.open("r+b") as raw:
        raw.seek(4_096)
        raw.write(b"\xff" * (path.stat().st_size - 8_192))


async def test_a_damaged_page_is_noticed_and_the_file_set_aside(file: SqliteFile, path: Path) -> None:
    """Found by the first query that meets it."""
    begin_and_damage(path)
    assert await refusal(texts(file)) == "store_corrupt"
    assert await texts(file) == []
    assert len(list(path.parent.glob("pack.db.corrupt-*"))) == 1


async def test_damage_that_two_workers_meet_is_set_aside_once(path: Path, clock: Clock) -> None:
    """The second must not take the first one's new, sound file for the damaged one."""
    begin_and_damage(path)
    one, two = (SqliteFile(path, schema=SCHEMA, clock=clock) for _ in range(2))
    for file in (one, two, two):  # twice: only the second read of each looks at the folder
        await file.read(lambda db: db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall())
    assert await refusal(texts(one)) == "store_corrupt"
    await add(one, "after")
    assert await refusal(texts(two)) in {"store_corrupt", "store_file_gone"}
    assert await texts(two) == ["after"]
    asides = [part for part in path.parent.glob("pack.db.corrupt-*") if not part.name.endswith(("-wal", "-shm"))]
    assert len(asides) == 1
    await one.aclose()
    await two.aclose()


async def test_a_place_where_no_file_can_be_is_unreachable(tmp_path: Path) -> None:
    """A folder of that name, or a file where the folder should be."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "pack.db", tmp_path / "folder"):
        file = SqliteFile(path, schema=SCHEMA)
        assert await refusal(add(file, "a")) in {"store_unreachable", "store_error"}
        assert await refusal(texts(file)) in {"store_unreachable", "store_error"}
        await file.aclose()


async def test_a_full_disk_is_told_and_passes(file: SqliteFile) -> None:
    """SQLite's own bound on pages stands in for the disk's end."""
    await add(file, "a")
    await file.write(lambda db: db.execute("PRAGMA max_page_count = 3"))
    assert await refusal(add(file, "x" * 1_000_000)) == "store_full"
    assert await texts(file) == ["a"]
    await file.write(lambda db: db.execute("PRAGMA max_page_count = 10000"))
    await add(file, "b")
    assert await texts(file) == ["a", "b"]


async def test_a_file_locked_by_another_program_is_busy_for_writers_only(
    file: SqliteFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup tool, say. The wait is bounded."""
    monkeypatch.setattr("litellm_plugins.storage.sqlite._BUSY_TIMEOUT_S", 0.01)
    await add(file, "a")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert await refusal(add(file, "b")) == "store_busy"
    assert await texts(file) == ["a"]
    other.execute("ROLLBACK")
    other.close()
    await add(file, "c")
    assert await texts(file) == ["a", "c"]
