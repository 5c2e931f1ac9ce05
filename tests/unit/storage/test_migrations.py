"""Bringing the SQLite file up to date."""

# ruff: noqa: ASYNC220, ASYNC240 - what blocks here holds up only its own test
from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.storage.migrations import Migration, in_order
from litellm_plugins.storage.sqlite import SqliteFile

FIRST = Migration(1, ("CREATE TABLE notes (text TEXT)", "INSERT INTO notes VALUES ('made by 1')"))
SECOND = Migration(2, ("ALTER TABLE notes ADD COLUMN author TEXT NOT NULL DEFAULT 'unknown'",))
ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pack.db"


async def rows(file: SqliteFile, query: str = "SELECT * FROM notes") -> list[tuple[object, ...]]:
    try:
        return await file.read(lambda db: db.execute(query).fetchall())
    finally:
        await file.aclose()


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_migrations_run_by_number_and_no_number_twice() -> None:
    assert [m.number for m in in_order([SECOND, FIRST])] == [1, 2]
    with pytest.raises(ValueError, match="number of its own"):
        in_order([FIRST, FIRST])


async def test_an_older_file_is_taken_over_with_what_it_holds(path: Path) -> None:
    assert await rows(SqliteFile(path, schema=[FIRST])) == [("made by 1",)]
    assert await rows(SqliteFile(path, schema=[SECOND, FIRST])) == [("made by 1", "unknown")]
    assert version_of(path) == 2


async def test_a_file_of_a_newer_version_is_not_touched(path: Path) -> None:
    """Somebody went back to an older release: it must say so, and leave the newer one's data alone."""
    await rows(SqliteFile(path, schema=[FIRST, SECOND]))
    before = path.read_bytes()
    file = SqliteFile(path, schema=[FIRST])
    for call in (file.read, file.write, file.scan):
        with pytest.raises(StoreUnavailable) as caught:
            await call(lambda db: db.execute("DELETE FROM notes"))
        assert caught.value.reason == "store_schema_newer"
        assert "schema 2, this one knows 1" in str(caught.value)
    await file.aclose()
    assert path.read_bytes() == before
    assert [part.name for part in path.parent.iterdir()] == [path.name]


async def test_an_old_file_that_may_not_be_written_is_unavailable_with_its_reason(path: Path) -> None:
    await rows(SqliteFile(path, schema=[FIRST]))
    path.chmod(0o400)
    with pytest.raises(StoreUnavailable) as caught:
        await rows(SqliteFile(path, schema=[FIRST, SECOND]))
    assert caught.value.reason == "store_schema_old"


async def test_a_change_that_breaks_half_way_leaves_nothing_of_it(path: Path) -> None:
    broken = Migration(2, ("CREATE TABLE half (a)", "CREATE NONSENSE"))
    await rows(SqliteFile(path, schema=[FIRST]))
    with pytest.raises(StoreUnavailable):
        await rows(SqliteFile(path, schema=[FIRST, broken]))
    assert version_of(path) == 1
    assert await rows(SqliteFile(path, schema=[FIRST, SECOND])) == [("made by 1", "unknown")]


WORKER = """
import asyncio, sys
from pathlib import Path
from litellm_plugins.storage.sqlite import SqliteFile
from tests.unit.storage.test_migrations import FIRST, SECOND

async def main():
    file = SqliteFile(Path(sys.argv[1]), schema=[FIRST, SECOND])
    sys.stdin.readline()
    print(await file.read(lambda db: db.execute("SELECT * FROM notes").fetchall()))
    await file.aclose()

asyncio.run(main())
"""


@pytest.mark.parametrize("from_version", [0, 1])
async def test_workers_that_open_an_older_file_at_once_change_it_once(path: Path, from_version: int) -> None:
    """The second statement of the first migration would show a second run."""
    if from_version:
        await rows(SqliteFile(path, schema=[FIRST]))
    command = [sys.executable, "-c", WORKER, str(path)]
    pipe = subprocess.PIPE
    workers = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) for _ in range(4)]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    told = [worker.communicate(timeout=60)[0].strip() for worker in workers]
    assert told == ["[('made by 1', 'unknown')]"] * 4
