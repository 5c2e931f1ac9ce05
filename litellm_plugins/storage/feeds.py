"""Reading what other workers told (`Feed.since`): numbered rows of SQLite, or a stream of Redis."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litellm_plugins.storage.redis import RedisServer

READ_AT_ONCE = 200


def rows_since(db: sqlite3.Connection, table: str, cursor: str, worker: str) -> tuple[list[bytes], str]:
    """Of a `table` with the columns number, worker, body; one without a body tells nothing."""
    newest = db.execute(f"SELECT max(number) FROM {table}").fetchone()[0] or 0  # noqa: S608 - a constant of ours
    after = int(cursor or 0)
    if newest < after:  # the file is another one
        after = 0
    query = f"""SELECT body FROM {table} WHERE number > ? AND worker <> ? AND body <> x''
        ORDER BY number DESC LIMIT ?"""  # noqa: S608 - as above
    found = [row[0] for row in db.execute(query, (after, worker, READ_AT_ONCE))]
    return found[::-1], str(newest)


def forget_rows(db: sqlite3.Connection, table: str, *, before_ms: int, most: int) -> None:
    """What is too old of it (by its column at_ms), and what is too much."""
    db.execute(f"DELETE FROM {table} WHERE at_ms < ?", (before_ms,))  # noqa: S608 - as above
    query = f"DELETE FROM {table} WHERE number <= (SELECT max(number) FROM {table}) - ?"  # noqa: S608 - as above
    db.execute(query, (most,))


async def stream_since(server: RedisServer, stream: str, cursor: str, worker: str) -> tuple[list[bytes], str]:
    """Of a `stream` whose entries have the fields worker and body."""
    after = f"({cursor}" if cursor else "-"
    found: Any = await server.run(lambda redis: redis.xrevrange(stream, "+", after, count=READ_AT_ONCE))
    theirs = [fields[b"body"] for _, fields in reversed(found) if fields[b"worker"] != worker.encode()]
    return theirs, found[0][0].decode() if found else cursor
