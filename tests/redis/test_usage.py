"""Costs and feedback on a server that grants little, or has no room."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from litellm_plugins.alerts.backends.redis import RedisOutbox
from litellm_plugins.alerts.outbox import Item
from litellm_plugins.insight.backends.redis import RedisUsage
from litellm_plugins.insight.store import Batch
from litellm_plugins.insight.usage import DIMENSIONS, Example, Row, Sums, hour_of
from litellm_plugins.review.backends.redis import RedisFeedback
from litellm_plugins.review.feedback import About, Served, Verdict, feedback_on, read
from litellm_plugins.storage import redis as storage
from tests.redis.conftest import ServerMaker

NOW = time.time_ns() // 1_000_000
HOUR = hour_of(NOW)
WORDS = tuple(f"a {name}" for name in DIMENSIONS)
BATCH = Batch("a", {(HOUR, WORDS): Sums(requests=1)}, (Example(NOW, "t", "c", "f", "s", "u", "k", "m", "m", "", 1, 1),))


def _connection(url: str) -> storage.RedisServer:
    return storage.RedisServer(url, timeout_s=5, max_connections=4)


async def test_an_hour_is_not_what_a_full_server_evicts_first(start_server: ServerMaker) -> None:
    """`volatile-lru`, which the manual asks for, takes what has a lifetime and was not read of late: old hours."""
    server = start_server()
    usage = RedisUsage(_connection(server.url), "litellm_plugins", keep_hours=48)
    assert await usage.add(BATCH, now_ms=NOW)
    assert server.call("TTL", f"litellm_plugins:1:{{insight}}:hour:{HOUR}") == -1
    later = NOW + 50 * 3_600_000
    assert await usage.add(Batch("b", {(HOUR + 50, WORDS): Sums(requests=1)}), now_ms=later)
    assert await usage.rows(HOUR, HOUR + 51, ()) == [Row(HOUR + 50, (), Sums(requests=1))]
    assert not server.call("EXISTS", f"litellm_plugins:1:{{insight}}:hour:{HOUR}")
    await usage.aclose()


async def test_who_asks_for_all_time_waits_for_the_hours_that_there_are(start_server: ServerMaker) -> None:
    """`since=99999w` are 17 million hours, each of which was asked for."""
    usage = RedisUsage(_connection(start_server().url), "litellm_plugins", keep_hours=48)
    assert await usage.add(BATCH, now_ms=NOW)
    async with asyncio.timeout(5):
        assert await usage.rows(HOUR - 99_999 * 168, HOUR + 1, ()) == [Row(HOUR, (), Sums(requests=1))]
    await usage.aclose()


async def test_the_rights_that_the_manual_names_are_enough(start_server: ServerMaker) -> None:
    server = start_server()
    manual = (Path(__file__).parents[2] / "docs/redis.md").read_text(encoding="utf-8")
    named = manual.partition("`~PREFIX:*` and\n`")[2].partition("switched off,")
    rights = [*named[0].partition("`")[0].split(), *named[2].partition("`")[2].partition("`")[0].split()]
    server.call("ACL", "SETUSER", "pack", "on", ">pw", "~litellm_plugins:*", "resetchannels", "-@all", *rights)
    url = f"redis://pack:pw@127.0.0.1:{server.port}"

    usage = RedisUsage(_connection(url), "litellm_plugins", keep_hours=48)
    assert await usage.add(Batch("old", {(HOUR - 60, WORDS): Sums(requests=1)}), now_ms=NOW)
    assert await usage.add(BATCH, now_ms=NOW)
    assert await usage.rows(HOUR - 60, HOUR + 1, ()) == [Row(HOUR, (), Sums(requests=1))]
    assert len(await usage.examples(0)) == 1
    assert await usage.take_turn("look", now_ms=NOW, for_ms=1_000)
    await usage.aclose()

    connection = _connection(url)
    outbox = RedisOutbox(connection, "litellm_plugins:insight")
    assert await outbox.put(Item("key", "id", "log", "{}", NOW + 1_000), now_ms=NOW)
    (claim,) = await outbox.claim("log", now_ms=NOW, lease_ms=1_000, most=5)
    await outbox.sent(claim, now_ms=NOW)
    assert await outbox.waiting("log") == 0

    store = RedisFeedback(connection, "litellm_plugins", keep_s=60, max_served=1)
    given = [Served(f"{n:032x}", f"{n + 9:032x}", "team:a", time.time(), cache_id="c" * 32) for n in range(3)]
    await store.serve(given)
    found = await store.find(About.CALL, given[2].call_id, "team:a")
    assert found == given[2]
    said = read({"call_id": found.call_id, "verdict": "up"})
    assert await store.put(feedback_on(said, found, by="k", tenant="team:a", at_s=1.0))
    assert [each.verdict for each in await store.latest(5)] == [Verdict.UP]
    await connection.aclose()
