"""Files that earlier versions of the pack made are taken over."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from litellm_plugins.cache.backends.sqlite import SCHEMA, SqliteCacheStore
from litellm_plugins.cache.store import Selector
from litellm_plugins.storage.sqlite import SqliteFile
from tests.conformance.entries import HOME, NOW, SPACE, at, entry, key_of

# As the version before the migrations (c7df1b7) made it, word by word, and one row as it wrote it.
OLD_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS cache_entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant TEXT NOT NULL, key BLOB NOT NULL, partition BLOB NOT NULL, question TEXT, body BLOB NOT NULL,
        model TEXT NOT NULL, provider TEXT NOT NULL, cost_nano_usd INTEGER NOT NULL,
        prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
        created_at REAL NOT NULL, expires_at REAL NOT NULL, used_at REAL NOT NULL,
        space TEXT, vector BLOB, UNIQUE (tenant, key))""",
    """CREATE INDEX IF NOT EXISTS cache_entries_by_partition ON cache_entries (partition, tenant, space, id)
        WHERE vector IS NOT NULL""",
    "CREATE INDEX IF NOT EXISTS cache_entries_by_expiry ON cache_entries (expires_at)",
    "CREATE INDEX IF NOT EXISTS cache_entries_by_use ON cache_entries (used_at)",
)
OLD_INSERT = """INSERT OR REPLACE INTO cache_entries (tenant, key, partition, question, body, model, provider,
    cost_nano_usd, prompt_tokens, completion_tokens, created_at, expires_at, used_at, space, vector)
    VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"""


def old_row(name: str) -> tuple[object, ...]:
    old = entry(name)
    said = (old.key, old.partition, old.question, old.body, old.model, old.provider, 1_234, 12, 5)
    return ("t", *said, old.created_at, old.expires_at, NOW, SPACE, at(0).tobytes())


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    path = tmp_path / "cache.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        for statement in OLD_SCHEMA:
            db.execute(statement)
        db.execute(OLD_INSERT, old_row("a"))
        db.commit()
    return path


async def test_the_answers_of_the_version_before_are_served_on(old_file: Path) -> None:
    store = SqliteCacheStore(SqliteFile(old_file, schema=SCHEMA), max_bytes=10**8, clock=lambda: NOW)
    assert await store.get("t", key_of("a")) == entry("a")
    assert [n.question for n in await store.nearest("t", HOME, at(0), space=SPACE, k=8)] == ["a"]
    await store.put("t", entry("b", tags=("order:42",), pinned=True), vector=at(1), space=SPACE)
    assert await store.remove(Selector(tag="order:42")) == 1
    assert await store.remove(Selector(tenant="t")) == 1
    await store.aclose()


async def test_a_worker_of_the_version_before_goes_on_beside_the_new_one(old_file: Path) -> None:
    """A rolling restart: it inserts by the columns it knows."""
    store = SqliteCacheStore(SqliteFile(old_file, schema=SCHEMA), max_bytes=10**8, clock=lambda: NOW)
    await store.get("t", key_of("a"))
    with closing(sqlite3.connect(old_file)) as db:
        db.execute(OLD_INSERT, old_row("late"))
        db.commit()
    assert await store.get("t", key_of("late")) == entry("late")
    await store.aclose()


async def test_no_tag_is_left_of_an_entry_that_is_gone(tmp_path: Path) -> None:
    """Replaced, lapsed, removed or evicted: the list of tags must not grow for ever."""
    path, now = tmp_path / "cache.db", [NOW]
    store = SqliteCacheStore(SqliteFile(path, schema=SCHEMA), max_bytes=10**6, clock=lambda: now[0])
    for number in range(60):
        kept = entry(str(number % 40), body=b"x" * 40_000, tags=(f"n:{number}", "all"), expires_at=NOW + number)
        await store.put("t", kept, vector=None, space=SPACE)
    await store.remove(Selector(tag="n:59"))
    with closing(sqlite3.connect(path)) as db:
        tagged = db.execute("SELECT count(DISTINCT entry_id) FROM cache_tags").fetchone()
        assert tagged == db.execute("SELECT count(*) FROM cache_entries").fetchone()
        assert db.execute(
            "SELECT count(*) FROM cache_tags WHERE entry_id NOT IN (SELECT id FROM cache_entries)"
        ).fetchone() == (0,)
    await store.aclose()
