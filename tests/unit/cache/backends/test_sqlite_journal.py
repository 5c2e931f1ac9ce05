"""The audit journal in the file."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from litellm_plugins.cache.admin.audit import Record
from litellm_plugins.cache.backends import sqlite_journal
from litellm_plugins.cache.backends.sqlite_journal import SqliteJournal
from litellm_plugins.proxy.stores import LEDGER_SCHEMA, SCHEMA
from litellm_plugins.storage.migrations import in_order
from litellm_plugins.storage.sqlite import SqliteFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pack.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[SqliteJournal]:
    file = SqliteFile(path, schema=sqlite_journal.SCHEMA)
    yield SqliteJournal(file)
    await file.aclose()


async def test_records_come_back_newest_first_and_page_by_page(journal: SqliteJournal) -> None:
    for number in range(5):
        done = "warm" if number == 2 else "curate"
        await journal.append(Record(at=float(number), actor="ann", action=done, count=number, what={"n": [number]}))
    newest, next_one = await journal.latest(limit=2)
    assert (newest, next_one.what) == (Record(4.0, "ann", "curate", 4, {"n": [4]}, id=5), {"n": [3]})
    assert [r.count for r in await journal.latest(limit=9, before=next_one.id)] == [2, 1, 0]
    assert [r.count for r in await journal.latest(limit=9, action="warm")] == [2]


async def test_nobody_changes_or_removes_a_record(journal: SqliteJournal, path: Path) -> None:
    """Not even with the file in hand, unless they know what they do."""
    await journal.append(Record(at=1.0, actor="ann", action="warm", count=1))
    with closing(sqlite3.connect(path)) as db:
        for statement in ("UPDATE cache_audit SET actor = 'bob'", "DELETE FROM cache_audit"):
            with pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
                db.execute(statement)
    assert [r.actor for r in await journal.latest(limit=9)] == ["ann"]


async def test_the_journal_does_not_grow_for_ever(journal: SqliteJournal, path: Path) -> None:
    """The newest 100,000 stay."""
    await journal.append(Record(at=1.0, actor="first", action="warm", count=1))
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO cache_audit VALUES (100000, 1, 'late', 'warm', 1, '{}')")
        db.commit()
        assert db.execute("SELECT count(*) FROM cache_audit").fetchone() == (2,)
        db.execute("INSERT INTO cache_audit VALUES (100001, 1, 'last', 'warm', 1, '{}')")
        db.commit()
    assert [r.actor for r in await journal.latest(limit=9)] == ["last", "late"]


def test_the_migrations_of_all_features_together_are_numbered_without_a_gap() -> None:
    """A number that another feature had already would never be run on a file that has seen it."""
    every = (*SCHEMA, *LEDGER_SCHEMA)
    assert [m.number for m in in_order(every)] == list(range(1, len(every) + 1))
