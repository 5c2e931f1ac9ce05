"""The audit journal in the SQLite file: a table that refuses to be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from litellm_plugins.cache.admin.audit import Record
from litellm_plugins.storage.migrations import Migration

if TYPE_CHECKING:
    from litellm_plugins.storage.sqlite import SqliteFile

_KEPT = 100_000  # records, some 30 MB: older ones make room, since they count into the file's bound

SCHEMA = (
    Migration(
        3,
        (
            """CREATE TABLE IF NOT EXISTS cache_audit (
                id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
                count INTEGER NOT NULL, what TEXT NOT NULL)""",
            "CREATE INDEX IF NOT EXISTS cache_audit_by_action ON cache_audit (action, id)",
            f"""CREATE TRIGGER IF NOT EXISTS cache_audit_bound AFTER INSERT ON cache_audit
                BEGIN DELETE FROM cache_audit WHERE id <= NEW.id - {_KEPT}; END""",  # noqa: S608 - a constant
            """CREATE TRIGGER IF NOT EXISTS cache_audit_stays BEFORE UPDATE ON cache_audit
                BEGIN SELECT RAISE(ABORT, 'the audit journal is only ever added to'); END""",
            f"""CREATE TRIGGER IF NOT EXISTS cache_audit_is_kept BEFORE DELETE ON cache_audit
                WHEN OLD.id > (SELECT max(id) FROM cache_audit) - {_KEPT}
                BEGIN SELECT RAISE(ABORT, 'the audit journal is only ever added to'); END""",  # noqa: S608
        ),
    ),
)


class SqliteJournal:
    """Keeps `Journal`. The file belongs to the store, which closes it."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def append(self, record: Record) -> None:
        row = (record.at, record.actor, record.action, record.count, orjson.dumps(record.what).decode())
        insert = "INSERT INTO cache_audit (at, actor, action, count, what) VALUES (?, ?, ?, ?, ?)"
        await self._file.write(lambda db: db.execute(insert, row))

    async def latest(self, *, limit: int, before: int | None = None, action: str | None = None) -> list[Record]:
        query = """SELECT at, actor, action, count, what, id FROM cache_audit
            WHERE (? IS NULL OR id < ?) AND (? IS NULL OR action = ?) ORDER BY id DESC LIMIT ?"""
        rows = await self._file.scan(lambda db: db.execute(query, (before, before, action, action, limit)).fetchall())
        return [Record(at, actor, done, count, orjson.loads(what), row) for at, actor, done, count, what, row in rows]
