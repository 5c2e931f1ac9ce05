"""The verifier's labels and fits in the SQLite file."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from litellm_plugins.cache.verifier.labels import Label, unpacked
from litellm_plugins.storage.migrations import Migration, add_columns

if TYPE_CHECKING:
    from litellm_plugins.storage.sqlite import SqliteFile

_KEPT = 10_000  # labels of a domain, about 2 MB; the oldest go first

SCHEMA = (
    Migration(
        4,
        (
            """CREATE TABLE IF NOT EXISTS verifier_labels (
                domain TEXT NOT NULL, number INTEGER NOT NULL, features BLOB NOT NULL, is_right INTEGER NOT NULL,
                weight REAL NOT NULL, requests INTEGER NOT NULL, created_at REAL NOT NULL,
                PRIMARY KEY (domain, number)) WITHOUT ROWID""",
            """CREATE TABLE IF NOT EXISTS verifier_fits (
                domain TEXT PRIMARY KEY, version INTEGER NOT NULL, fit BLOB NOT NULL)""",
        ),
    ),
    Migration(15, (add_columns("verifier_labels", said_by="TEXT NOT NULL DEFAULT ''"),)),
)


class SqliteLabelStore:
    """Keeps `LabelStore`. The file belongs to the entries' store, which closes it."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def add_label(self, domain: str, label: Label) -> int:
        row = (domain, label.packed(), label.right, label.weight, label.requests, label.created_at, label.by)
        return await self._file.write(lambda db: _add(db, row))

    async def count_labels(self, domain: str) -> int:
        return await self._file.read(lambda db: _last(db, domain))

    async def newest_labels(self, domain: str, limit: int) -> list[Label]:
        rows = await self._file.scan(
            lambda db: db.execute(
                """SELECT features, is_right, weight, requests, created_at, said_by FROM verifier_labels
                    WHERE domain = ? ORDER BY number DESC LIMIT ?""",
                (domain, limit),
            ).fetchall()
        )
        return [Label(unpacked(row[0]), bool(row[1]), *row[2:]) for row in reversed(rows)]

    async def save_fit(self, domain: str, version: int, fit: bytes) -> None:
        await self._file.write(
            lambda db: db.execute(
                """INSERT INTO verifier_fits (domain, version, fit) VALUES (?, ?, ?)
                    ON CONFLICT (domain) DO UPDATE SET version = excluded.version, fit = excluded.fit
                    WHERE excluded.version > version""",
                (domain, version, fit),
            )
        )

    async def newest_fit(self, domain: str, *, above: int) -> tuple[int, bytes] | None:
        row: tuple[int, bytes] | None = await self._file.read(
            lambda db: db.execute(
                "SELECT version, fit FROM verifier_fits WHERE domain = ? AND version > ?", (domain, above)
            ).fetchone()
        )
        return row


def _last(db: sqlite3.Connection, domain: object) -> int:
    (last,) = db.execute("SELECT coalesce(max(number), 0) FROM verifier_labels WHERE domain = ?", (domain,)).fetchone()
    return int(last)


def _add(db: sqlite3.Connection, row: tuple[object, ...]) -> int:
    domain = row[0]
    number = _last(db, domain) + 1
    db.execute(
        """INSERT INTO verifier_labels (number, domain, features, is_right, weight, requests, created_at, said_by)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        (number, *row),
    )
    db.execute("DELETE FROM verifier_labels WHERE domain = ? AND number <= ?", (domain, number - _KEPT))
    return number
