"""Passes to the page, and what was told of anomalies, in every backend."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from litellm_plugins.insight.backends import sqlite_anomalies
from litellm_plugins.insight.backends.redis import RedisAnomalies
from litellm_plugins.insight.store import MOST_ANOMALIES, AnomalyLog, ToldAnomaly
from litellm_plugins.storage.redis import RedisServer as Connections
from litellm_plugins.storage.sqlite import SqliteFile
from litellm_plugins.ui.backends import sqlite
from litellm_plugins.ui.backends.redis import RedisPasses
from litellm_plugins.ui.passes import Kind, Pass, PassStore, Role
from tests.support.redis_server import RedisServer

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
Stores = tuple[PassStore, AnomalyLog]


@pytest.fixture(params=["sqlite", "redis"])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    if request.param == "sqlite":
        file = SqliteFile(tmp_path / "ui.db", schema=(*sqlite.SCHEMA, *sqlite_anomalies.SCHEMA))
        yield sqlite.SqlitePasses(file), sqlite_anomalies.SqliteAnomalies(file)
        await file.aclose()
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    server.call("FLUSHALL")
    connections = Connections(server.url, timeout_s=30, max_connections=8)
    yield RedisPasses(connections, "ui"), RedisAnomalies(connections, "ui")
    await connections.aclose()


def given(name: str, *, kind: Kind = Kind.TOKEN, made_ms: int = NOW_MS, lasts_ms: int = HOUR_MS) -> Pass:
    team = "sales / “süd”"
    return Pass(
        name, kind, Role.TEAM, team, "ada", made_ms, made_ms + lasts_ms, "t" if kind is Kind.SESSION else "", "t-1"
    )


async def test_what_is_put_is_there_until_its_end(stores: Stores) -> None:
    passes, _ = stores
    one = given("one", kind=Kind.SESSION)
    await passes.put(one, now_ms=NOW_MS)
    assert await passes.get("one", now_ms=NOW_MS) == one
    assert await passes.get("one", now_ms=one.until_ms) is None
    assert await passes.get("two", now_ms=NOW_MS) is None


async def test_what_is_dropped_is_gone(stores: Stores) -> None:
    passes, _ = stores
    await passes.put(given("one"), now_ms=NOW_MS)
    assert await passes.drop("one")
    assert not await passes.drop("one")
    assert await passes.get("one", now_ms=NOW_MS) is None
    assert await passes.tokens(now_ms=NOW_MS) == []


async def test_only_tokens_that_are_good_are_listed_the_oldest_first(stores: Stores) -> None:
    passes, _ = stores
    for each in (given("b", made_ms=NOW_MS + 5), given("a"), given("c", lasts_ms=10), given("s", kind=Kind.SESSION)):
        await passes.put(each, now_ms=NOW_MS)
    assert [each.id for each in await passes.tokens(now_ms=NOW_MS + 10)] == ["a", "b"]


def told(name: str, at_ms: int = NOW_MS, *, team: str = "") -> ToldAnomaly:
    return ToldAnomaly(name, "hit_rate", ("team", team), at_ms, team, f"The hit rate of {team} fell.")


async def test_anomalies_are_told_newest_first_and_once(stores: Stores) -> None:
    _, log = stores
    for each in (told("a"), told("b", NOW_MS + 1, team="sales"), told("a")):
        await log.keep(each)
    assert await log.latest(10, since_ms=NOW_MS, team=None) == [told("b", NOW_MS + 1, team="sales"), told("a")]
    assert [each.id for each in await log.latest(1, since_ms=NOW_MS, team=None)] == ["b"]
    assert [each.id for each in await log.latest(9, since_ms=NOW_MS + 1, team=None)] == ["b"]


async def test_a_team_is_told_of_its_own_anomalies_alone(stores: Stores) -> None:
    _, log = stores
    for each in (told("a"), told("b", team="sales"), told("c", team="support")):
        await log.keep(each)
    assert [each.id for each in await log.latest(9, since_ms=0, team="sales")] == ["b"]
    assert await log.latest(9, since_ms=0, team="nobody") == []


async def test_no_more_anomalies_are_kept_than_may_be(stores: Stores) -> None:
    _, log = stores
    for number in range(MOST_ANOMALIES + 3):
        await log.keep(told(f"{number:05}", NOW_MS + number))
    kept = await log.latest(2 * MOST_ANOMALIES, since_ms=0, team=None)
    assert (len(kept), kept[-1].id) == (MOST_ANOMALIES, "00003")
