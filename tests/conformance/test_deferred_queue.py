"""What every keeper of `Queue` promises: a deferred request is in one place at any time, and ends once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.batch.backends.redis import RedisQueue
from litellm_plugins.batch.backends.sqlite import SCHEMA, SqliteQueue
from litellm_plugins.batch.queue import Batch, Deferred, Put, Queue, Stage, Status, Waiting
from litellm_plugins.batch.sealed import SealedQueue
from litellm_plugins.storage.redis import RedisServer as Connections
from litellm_plugins.storage.sqlite import SqliteFile
from litellm_plugins.storage.vault import Vault
from tests.support.redis_server import RedisServer

NOW = 1_800_000_000.25
TENANT = "team:support"
Two = tuple[Queue, Queue]


@pytest.fixture(params=["sqlite", "redis", "sealed"])
async def queues(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Two]:
    """As two workers see it."""
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        server.call("FLUSHALL")
        both = [Connections(server.url, timeout_s=30, max_connections=32) for _ in range(2)]
        yield RedisQueue(both[0], "queue"), RedisQueue(both[1], "queue")
        for each in both:
            await each.aclose()
        return
    kept: list[Any] = [SqliteQueue(SqliteFile(tmp_path / "queue.db", schema=SCHEMA)) for _ in range(2)]
    if request.param == "sealed":
        kept = [SealedQueue(each, Vault([b"k" * 32])) for each in kept]
    yield kept[0], kept[1]
    for queue in kept:
        await queue.aclose()


def waits(id_: str, *, after_s: float = 0.0, group: str = "mini", **more: Any) -> Deferred:
    made = Deferred(id_, TENANT, group, b'{"q": "\xc3\xbc"}', b'{"a": 1}', NOW + after_s, NOW + after_s + 100)
    return replace(made, **more)


async def put(queue: Queue, *requests: Deferred) -> None:
    for request in requests:
        assert await queue.put(request, most=100) is Put.KEPT


def ids(requests: list[Deferred]) -> list[str]:
    return [each.id for each in requests]


async def test_what_was_put_is_found_as_it_was_by_its_tenant_alone(queues: Two) -> None:
    one, other = queues
    await put(one, waits("a"))
    assert await other.find("a", tenant=TENANT) == waits("a")
    assert await other.find("a", tenant="team:sales") is None
    assert await other.find("b", tenant=TENANT) is None


async def test_no_more_are_kept_than_may_wait(queues: Two) -> None:
    one, other = queues
    await put(one, waits("a"), waits("b"))
    assert await other.put(waits("c"), most=2) is Put.FULL
    assert await other.find("c", tenant=TENANT) is None
    await one.finish("a", Status.FAILED, now_s=NOW)
    assert await other.put(waits("c"), most=2) is Put.KEPT


async def test_nor_more_of_one_tenant_than_his_share(queues: Two) -> None:
    """Whatever state they are in, until they end; a place that is free again is his who had it."""
    one, other = queues
    await put(one, waits("a"), waits("b", after_s=1), waits("hers", tenant="team:sales"))
    await one.claim(Batch("batch", "mini", NOW), most=1)
    assert await other.put(waits("c"), most=9, most_of_tenant=2) is Put.TENANT_FULL
    assert await other.find("c", tenant=TENANT) is None
    assert await other.put(waits("hers too", tenant="team:sales"), most=9, most_of_tenant=2) is Put.KEPT
    assert await other.put(waits("c"), most=4, most_of_tenant=2) is Put.FULL

    await one.finish("a", Status.COMPLETED, now_s=NOW)
    assert await other.put(waits("c"), most=9, most_of_tenant=2) is Put.KEPT
    assert await one.put(waits("d"), most=9, most_of_tenant=2) is Put.TENANT_FULL
    await one.cancel("c", tenant=TENANT, now_s=NOW)
    assert await one.put(waits("d"), most=9, most_of_tenant=2) is Put.KEPT


async def test_his_share_holds_for_many_at_once(queues: Two) -> None:
    many = (queues[n % 2].put(waits(f"r{n:02}"), most=100, most_of_tenant=5) for n in range(20))
    became = await asyncio.gather(*many)
    assert (became.count(Put.KEPT), became.count(Put.TENANT_FULL)) == (5, 15)
    assert (await queues[0].standing())[Status.QUEUED] == 5


async def test_a_batch_takes_no_more_bytes_than_a_file_may_have_but_always_one(queues: Two) -> None:
    one, other = queues
    large = b"x" * 5_000
    await put(one, waits("a", body=large), waits("b", after_s=1, body=large), waits("c", after_s=2))
    assert ids(await one.claim(Batch("b1", "mini", NOW), most=9, most_bytes=100)) == ["a"]
    assert ids(await other.claim(Batch("b2", "mini", NOW), most=9, most_bytes=6_000)) == ["b", "c"]


async def test_a_batch_takes_the_oldest_of_its_model_group(queues: Two) -> None:
    one, other = queues
    await put(one, waits("c", after_s=2), waits("a"), waits("x", group="large"), waits("b", after_s=1))
    assert await other.waiting() == [Waiting("large", 1, NOW), Waiting("mini", 3, NOW)]

    taken = await one.claim(Batch("batch", "mini", NOW), most=2)
    assert ids(taken) == ["a", "b"]
    assert {each.batch for each in taken} == {"batch"}
    assert [each.body for each in taken] == [waits("a").body] * 2
    assert await other.batches() == [Batch("batch", "mini", NOW)]
    assert ids(await other.members("batch")) == ["a", "b"]
    assert await other.waiting() == [Waiting("large", 1, NOW), Waiting("mini", 1, NOW + 2)]
    assert await one.claim(Batch("none", "tiny", NOW), most=2) == []
    assert len(await one.batches()) == 1


async def test_of_many_batches_that_take_at_once_each_request_is_in_one(queues: Two) -> None:
    await put(queues[0], *(waits(f"r{n:02}", after_s=n / 100) for n in range(20)))
    claims = [queues[n % 2].claim(Batch(f"b{n}", "mini", NOW), most=3) for n in range(10)]
    taken = [id_ for claimed in await asyncio.gather(*claims) for id_ in ids(claimed)]
    assert sorted(taken) == [f"r{n:02}" for n in range(20)]


async def test_once_a_batch_is_submitted_so_are_its_requests(queues: Two) -> None:
    one, other = queues
    await put(one, waits("a"), waits("b", after_s=1))
    batch = Batch("batch", "mini", NOW)
    await one.claim(batch, most=1)
    creating = replace(batch, stage=Stage.CREATING, deployment="d", touched_s=NOW + 1.5, tries=2)
    await one.note(creating)
    assert await other.batches() == [creating]
    assert (await other.members("batch"))[0].status is Status.QUEUED
    await one.note(replace(creating, stage=Stage.SUBMITTED, provider_id="batch_1"))
    assert (await other.members("batch"))[0].status is Status.SUBMITTED
    assert await other.standing() == {Status.QUEUED: 1, Status.SUBMITTED: 1}
    await one.note(Batch("gone", "mini", NOW))
    assert len(await one.batches()) == 1


async def test_a_request_ends_once(queues: Two) -> None:
    one, other = queues
    await put(one, waits("a"))
    await one.claim(Batch("batch", "mini", NOW), most=1)
    done = await one.finish("a", Status.COMPLETED, now_s=NOW + 5, answer=b'{"id": 1}')
    assert done is not None
    assert (done.status, done.ended_s, done.answer, done.batch) == (
        Status.COMPLETED,
        NOW + 5,
        b'{"id": 1}',
        "batch",
    )
    assert await other.finish("a", Status.FAILED, now_s=NOW + 6, reason="late") is None
    assert await other.find("a", tenant=TENANT) == done
    assert await other.members("batch") == []
    assert await other.finish("none", Status.FAILED, now_s=NOW) is None


async def test_of_many_ends_at_once_one_counts(queues: Two) -> None:
    await put(queues[0], waits("a"))
    ends = [queues[n % 2].finish("a", Status.FAILED, now_s=NOW, reason=str(n)) for n in range(10)]
    assert sum(each is not None for each in await asyncio.gather(*ends)) == 1


async def test_what_a_batch_leaves_open_waits_again_in_its_old_place(queues: Two) -> None:
    one, other = queues
    await put(one, waits("a"), waits("b", after_s=1), waits("c", after_s=2))
    batch = Batch("batch", "mini", NOW)
    await one.claim(batch, most=2)
    await one.note(replace(batch, stage=Stage.SUBMITTED))
    await one.finish("a", Status.FAILED, now_s=NOW)
    await one.drop("batch")
    assert await other.batches() == []
    found = await other.find("b", tenant=TENANT)
    assert found == waits("b", after_s=1)
    assert ids(await other.claim(Batch("next", "mini", NOW), most=5)) == ["b", "c"]


async def test_a_request_is_taken_back_only_while_it_is_in_no_batch(queues: Two) -> None:
    one, other = queues
    await put(one, waits("a"), waits("b", after_s=1))
    await one.claim(Batch("batch", "mini", NOW), most=1)
    taken = await other.cancel("a", tenant=TENANT, now_s=NOW + 1)
    assert taken is not None
    assert taken.status is Status.QUEUED
    assert await other.cancel("b", tenant="team:sales", now_s=NOW + 1) is None
    back = await other.cancel("b", tenant=TENANT, now_s=NOW + 1)
    assert back is not None
    assert (back.status, back.ended_s) == (Status.CANCELLED, NOW + 1)
    assert await one.claim(Batch("next", "mini", NOW), most=5) == []
    assert await one.waiting() == []


async def test_those_past_their_time_are_told_unless_a_batch_has_them(queues: Two) -> None:
    one, other = queues
    await put(one, waits("b", after_s=1), waits("a"), waits("c", after_s=50))
    assert ids(await other.overdue(now_s=NOW + 101, most=10)) == ["a", "b"]
    assert ids(await other.overdue(now_s=NOW + 101, most=1))[:1] == ["a"]
    await one.claim(Batch("batch", "mini", NOW), most=1)
    assert ids(await other.overdue(now_s=NOW + 101, most=10)) == ["b"]


async def test_what_ended_long_ago_is_forgotten(queues: Two) -> None:
    one, other = queues
    await put(one, waits("a"), waits("b"), waits("c"))
    await one.finish("a", Status.FAILED, now_s=NOW)
    await one.finish("b", Status.FAILED, now_s=NOW + 10)
    assert await other.sweep(before_s=NOW + 10) == 1
    assert await other.find("a", tenant=TENANT) is None
    assert await other.find("b", tenant=TENANT) is not None
    assert await other.find("c", tenant=TENANT) is not None


async def test_the_turn_is_one_workers_until_it_lapses_or_is_given_back(queues: Two) -> None:
    one, other = queues
    asked = [queues[n % 2].lease(f"worker-{n}", now_s=NOW, for_s=10) for n in range(10)]
    assert sum(await asyncio.gather(*asked)) == 1
    assert await other.lease("b", now_s=NOW + 10, for_s=10)
    assert await one.lease("b", now_s=NOW + 15, for_s=10)
    assert not await one.lease("a", now_s=NOW + 24, for_s=10)
    await one.release("a")
    assert not await one.lease("a", now_s=NOW + 24, for_s=10)
    await other.release("b")
    assert await one.lease("a", now_s=NOW + 24, for_s=10)
