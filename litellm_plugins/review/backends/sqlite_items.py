"""Items to review, in the SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from litellm_plugins.review.items import Item, State
from litellm_plugins.review.store import facts_of, item_of, items_of, state_of, texts_of
from litellm_plugins.storage.migrations import Migration

if TYPE_CHECKING:
    from litellm_plugins.storage.sqlite import SqliteFile

SCHEMA = (
    Migration(
        17,
        (
            # `worth`: 0 to be spoken of, 1 to be judged, 2 judged. `looked`: it has a verdict, an opinion or a thumb.
            """CREATE TABLE IF NOT EXISTS review_items (
                number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, trace_id TEXT NOT NULL,
                call_id TEXT NOT NULL, pair TEXT NOT NULL, team TEXT NOT NULL, at_s REAL NOT NULL,
                control INTEGER NOT NULL, draw REAL NOT NULL, worth INTEGER NOT NULL, looked INTEGER NOT NULL,
                facts BLOB NOT NULL, state BLOB NOT NULL, texts BLOB NOT NULL)""",
            "CREATE INDEX IF NOT EXISTS review_items_by_trace ON review_items (trace_id)",
            "CREATE INDEX IF NOT EXISTS review_items_by_call ON review_items (call_id)",
            "CREATE INDEX IF NOT EXISTS review_items_by_pair ON review_items (pair)",
            "CREATE INDEX IF NOT EXISTS review_items_by_worth ON review_items (worth, number)",
            "CREATE INDEX IF NOT EXISTS review_items_control ON review_items (draw) WHERE control = 1",
            "CREATE INDEX IF NOT EXISTS review_items_looked ON review_items (number) WHERE looked = 1",
        ),
    ),
)
_AT_ONCE = 500
_OF_TEAM = "(:team IS NULL OR team = :team)"
_OF_TENANT = "(:tenant IS NULL OR json_extract(CAST(facts AS TEXT), '$.tenant') = :tenant)"


class SqliteItems:
    """Keeps `ItemStore`. The file belongs to the entries' store, which closes it."""

    def __init__(self, file: SqliteFile, *, max_items: int) -> None:
        self._file, self._most = file, max_items

    async def add(self, items: Sequence[Item]) -> None:
        rows = [_row(item) for item in items]

        def work(db: sqlite3.Connection) -> None:
            db.executemany(
                """INSERT OR IGNORE INTO review_items
                    (id, trace_id, call_id, pair, team, at_s, control, draw, worth, looked, facts, state, texts)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                rows,
            )
            self._make_room(db)

        await self._file.write(work)

    def _make_room(self, db: sqlite3.Connection) -> None:
        judged = db.execute("SELECT count(*) FROM review_items WHERE worth = 2").fetchone()[0]
        _forget(db, "WHERE worth = 2", judged - self._most // 2)
        _forget(db, "", db.execute("SELECT count(*) FROM review_items").fetchone()[0] - self._most)

    async def find(self, id_: str) -> Item | None:
        return await self._one("id = :id", {"id": id_})

    async def named(self, name: str, *, tenant: str | None) -> Item | None:
        where = f"(trace_id = :name OR call_id = :name) AND {_OF_TENANT}"
        return await self._one(where, {"name": name, "tenant": tenant})

    async def _one(self, where: str, given: Mapping[str, str | None]) -> Item | None:
        query = f"SELECT facts, state, texts FROM review_items WHERE {where} ORDER BY number DESC LIMIT 1"  # noqa: S608
        row = await self._file.read(lambda db: db.execute(query, given).fetchone())
        return None if row is None else item_of(*row)

    async def waiting(self, limit: int, *, team: str | None, tenant: str | None) -> list[Item]:
        query = f"""SELECT id, facts, state, (SELECT count(*) FROM review_items AS o WHERE o.pair = i.pair)
            FROM review_items AS i WHERE worth = 1 AND control = 0 AND {_OF_TEAM} AND {_OF_TENANT}
            ORDER BY number DESC LIMIT :limit"""  # noqa: S608 - a constant
        given = {"team": team, "tenant": tenant, "limit": limit}

        def work(db: sqlite3.Connection) -> list[Item]:  # read in its thread: requests go on meanwhile
            rows = db.execute(query, given).fetchall()
            served = {id_: count for id_, _, _, count in rows}
            found = items_of((facts, state) for _, facts, state, _ in rows)
            return [replace(item, served=served[item.id]) for item in found]

        return await self._file.scan(work)

    async def sample(self, *, since_s: float, team: str | None, tenant: str | None) -> list[Item]:
        return await self._all("control = 1 AND at_s >= :since", "draw", since_s, team, tenant)

    async def judged(self, *, since_s: float, team: str | None, tenant: str | None) -> list[Item]:
        found = await self._all("looked = 1", "number DESC", since_s, team, tenant)
        return [item for item in found if max(item.at_s, item.state.judged_at_s) >= since_s]

    async def _all(self, where: str, by: str, since_s: float, team: str | None, tenant: str | None) -> list[Item]:
        query = f"""SELECT facts, state FROM review_items
            WHERE {where} AND {_OF_TEAM} AND {_OF_TENANT} ORDER BY {by}"""  # noqa: S608 - constants
        given = {"since": since_s, "team": team, "tenant": tenant}
        return await self._file.scan(lambda db: items_of(db.execute(query, given)))

    async def swap(self, item: Item, state: State) -> bool:
        given = (state_of(state), state.worth, is_looked_at(state), item.id, state_of(item.state))
        query = "UPDATE review_items SET state = ?, worth = ?, looked = ? WHERE id = ? AND state = ?"
        return await self._file.write(lambda db: db.execute(query, given).rowcount == 1)

    async def forget_texts(self, *, before_s: float) -> int:
        query = "SELECT number FROM review_items WHERE at_s < ? AND texts <> x'' ORDER BY number"
        rows = await self._file.scan(lambda db: db.execute(query, (before_s,)).fetchall())
        for at in range(0, len(rows), _AT_ONCE):  # other writers come in between
            some = rows[at : at + _AT_ONCE]
            await self._file.write(
                lambda db, some=some: db.executemany("UPDATE review_items SET texts = x'' WHERE number = ?", some)  # type: ignore[misc]
            )
        return len(rows)


def is_looked_at(state: State) -> bool:
    """Whether somebody has said something of it."""
    return state.verdict is not None or state.opinion is not None or bool(state.thumb)


def _row(item: Item) -> tuple[object, ...]:
    state = item.state
    named = (item.id, item.trace_id, item.call_id, item.pair, item.team, item.at_s, item.control, item.draw)
    return (*named, state.worth, is_looked_at(state), facts_of(item), state_of(state), texts_of(item))


def _forget(db: sqlite3.Connection, where: str, count: int) -> None:
    if count > 0:
        oldest = f"SELECT number FROM review_items {where} ORDER BY worth, number LIMIT ?"  # noqa: S608 - constants
        db.execute(f"DELETE FROM review_items WHERE number IN ({oldest})", (count,))  # noqa: S608 - the above
