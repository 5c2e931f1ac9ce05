"""The sums by word, while a worker of the version that had none shares the file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from litellm_plugins.insight.backends.sqlite import SCHEMA, SqliteUsage
from litellm_plugins.insight.store import Batch
from litellm_plugins.insight.usage import DIMENSIONS, Row, Sums, Words
from litellm_plugins.storage.sqlite import SqliteFile

HOUR = 500_000
HOUR_MS = 3_600_000
ONE = Sums(1, 100, 20, 30, 40, 3, 4, 5, 6, 7, 1, 2)


def words(team: str, layer: str = "miss") -> Words:
    return tuple({"team": team, "layer": layer, "ending": "success"}.get(name, "") for name in DIMENSIONS)


def as_before(path: Path, hour: int, given: Words) -> None:
    """What a worker of that version writes."""
    marks = ", ".join("?" * (1 + len(given) + len(ONE)))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"INSERT INTO insight_usage VALUES ({marks})", (hour, *given, *ONE))


async def both_ways(usage: SqliteUsage, since: int, until: int) -> tuple[list[Row], list[Row]]:
    """Teams, by the sums by word and by the rows themselves."""
    whole = await usage.rows(since, until, ("team", "user"))
    return await usage.rows(since, until, ("team",)), [Row(row.hour, row.words[:1], row.sums) for row in whole]


async def test_the_next_hour_brings_in_what_a_worker_of_the_version_before_counted(tmp_path: Path) -> None:
    path = tmp_path / "insight.db"
    usage = SqliteUsage(SqliteFile(path, schema=SCHEMA), keep_hours=48)
    now_ms = HOUR * HOUR_MS
    await usage.add(Batch("a", {(HOUR - 1, words("support")): ONE, (HOUR, words("support")): ONE}), now_ms=now_ms)
    as_before(path, HOUR - 1, words("sales"))
    as_before(path, HOUR, words("sales", "exact"))
    as_before(path, HOUR + 2, words("legal"))  # an hour of which only that worker knows
    by_word, by_row = await both_ways(usage, HOUR - 1, HOUR + 4)
    assert by_word != by_row

    await usage.add(Batch("b", {(HOUR + 3, words("support")): ONE}), now_ms=now_ms + 3 * HOUR_MS)
    by_word, by_row = await both_ways(usage, HOUR - 1, HOUR + 4)
    assert by_word == by_row
    assert [(row.hour - HOUR, row.words[0]) for row in by_word] == [
        (-1, "sales"), (-1, "support"), (0, "sales"), (0, "support"), (2, "legal"), (3, "support"),
    ]  # fmt: skip
    [told] = await usage.tallied(HOUR - 1, HOUR + 4, [("team",)])
    assert told[("sales",)].hits == 1
    await usage.aclose()
