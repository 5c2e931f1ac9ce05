"""The schema of the SQLite file, as numbered changes; `PRAGMA user_version` says which of them a file has seen.

Numbers count over the whole file, whichever feature a change belongs to: a new one takes the next free number, and
one that was ever released is never altered. What opens the file gives the changes of every feature, in any order.
Add tables and columns with defaults, so that a worker of the version before can go on beside the new one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from litellm_plugins.errors import StoreUnavailable

Step = str | Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class Migration:
    """One change: statements, or functions of the connection, that run in the order given."""

    number: int
    steps: tuple[Step, ...]


def in_order(migrations: Iterable[Migration]) -> tuple[Migration, ...]:
    """`migrations` by their numbers. Raises: ValueError where two bear the same."""
    ordered = tuple(sorted(migrations, key=lambda migration: migration.number))
    numbers = [migration.number for migration in ordered]
    if len(set(numbers)) != len(numbers) or (numbers and numbers[0] < 1):
        raise ValueError(f"every migration needs a number of its own, from 1: {numbers}")
    return ordered


def check(connection: sqlite3.Connection, migrations: Sequence[Migration], *, writable: bool) -> None:
    """Touches nothing. Raises: StoreUnavailable where the file is of a newer version, or old and not to be changed."""
    version, newest = _version(connection), _newest(migrations)
    if version > newest:
        detail = f"a newer version of the pack made this file (schema {version}, this one knows {newest})"
        raise StoreUnavailable("store_schema_newer", detail)
    if version < newest and not writable:
        raise StoreUnavailable("store_schema_old", f"schema {version} of {newest}, and the file is read-only")


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    """Bring the file up to date, in one transaction: several that open it at once wait, and find it done."""
    if _version(connection) == _newest(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        check(connection, migrations, writable=True)
        version = _version(connection)
        for migration in migrations:
            if migration.number > version:
                _run(connection, migration)
        connection.execute(f"PRAGMA user_version = {_newest(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def add_columns(table: str, **columns: str) -> Step:
    """A step that adds each column (name to declaration) which the table does not have yet."""

    def add(connection: sqlite3.Connection) -> None:
        there = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        for name, declaration in columns.items():
            if name not in there:
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {declaration}")

    return add


def _run(connection: sqlite3.Connection, migration: Migration) -> None:
    for step in migration.steps:
        if isinstance(step, str):
            connection.execute(step)
        else:
            step(connection)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _newest(migrations: Sequence[Migration]) -> int:
    return migrations[-1].number if migrations else 0
