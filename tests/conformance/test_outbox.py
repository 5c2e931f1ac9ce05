"""What every keeper of `Outbox` promises."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from litellm_plugins.alerts import outbox as limits
from litellm_plugins.alerts.backends import redis as redis_outbox
from litellm_plugins.alerts.backends import sqlite as sqlite_outbox
from litellm_plugins.alerts.outbox import Claim, Item, Outbox
from tests.support.outboxes import Opener

if TYPE_CHECKING:
    import pytest

NOW = 1_800_000_000_000
LEASE = 30_000
ITEM = Item("team 👩/50%", "id-1", "HOOK", '{"text": "half"}', NOW + 3_600_000)


async def claimed(outbox: Outbox, *, now_ms: int = NOW, most: int = 10, target: str = "HOOK") -> list[Claim]:
    return await outbox.claim(target, now_ms=now_ms, lease_ms=LEASE, most=most)


async def test_an_item_comes_back_as_it_was_put_and_is_claimed_once(open_outbox: Opener) -> None:
    one, other = open_outbox(), open_outbox()
    assert await one.put(ITEM, now_ms=NOW)
    assert await claimed(other) == [Claim(ITEM, 1)]
    assert await claimed(one) == []
    assert await one.waiting("HOOK") == 1


async def test_a_key_is_taken_once_whether_it_waits_or_was_sent(outbox: Outbox) -> None:
    assert await outbox.put(ITEM, now_ms=NOW)
    assert not await outbox.put(replace(ITEM, id="id-2"), now_ms=NOW)
    (claim,) = await claimed(outbox)
    await outbox.sent(claim, now_ms=NOW)
    assert not await outbox.put(replace(ITEM, id="id-2"), now_ms=NOW + 1)
    assert await claimed(outbox, now_ms=NOW + 10 * LEASE) == []
    assert await outbox.waiting("HOOK") == 0


async def test_once_its_time_is_over_a_key_may_be_put_again(outbox: Outbox) -> None:
    await outbox.put(ITEM, now_ms=NOW)
    (claim,) = await claimed(outbox)
    await outbox.sent(claim, now_ms=NOW)
    again = replace(ITEM, id="id-2", until_ms=ITEM.until_ms + 3_600_000)
    assert not await outbox.put(again, now_ms=ITEM.until_ms - 1)
    assert await outbox.put(again, now_ms=ITEM.until_ms)
    assert await claimed(outbox, now_ms=ITEM.until_ms) == [Claim(again, 1)]


async def test_what_was_never_sent_is_not_replaced_however_late(outbox: Outbox) -> None:
    await outbox.put(ITEM, now_ms=NOW)
    assert not await outbox.put(replace(ITEM, id="id-2"), now_ms=ITEM.until_ms + 1)
    assert [each.item.id for each in await claimed(outbox, now_ms=ITEM.until_ms + 1)] == ["id-1"]


async def test_a_claim_that_nobody_ends_is_anybodys_once_its_lease_is_over(open_outbox: Opener) -> None:
    dead, heir = open_outbox(), open_outbox()
    await dead.put(ITEM, now_ms=NOW)
    (lost,) = await claimed(dead)
    assert await claimed(heir, now_ms=NOW + LEASE - 1) == []
    assert await claimed(heir, now_ms=NOW + LEASE) == [Claim(ITEM, 2)]
    await dead.sent(lost, now_ms=NOW + LEASE)  # it was not dead: too late, another is at it
    await dead.later(lost, due_ms=NOW)
    assert await heir.waiting("HOOK") == 1
    assert await claimed(heir, now_ms=NOW + LEASE) == []


async def test_what_could_not_be_told_is_due_again_when_it_was_said(outbox: Outbox) -> None:
    await outbox.put(ITEM, now_ms=NOW)
    (claim,) = await claimed(outbox)
    await outbox.later(claim, due_ms=NOW + 5_000)
    assert await claimed(outbox, now_ms=NOW + 4_999) == []
    assert await claimed(outbox, now_ms=NOW + 5_000) == [Claim(ITEM, 2)]


async def test_each_receiver_gets_its_own_the_longest_due_first_and_no_more_than_asked(outbox: Outbox) -> None:
    for number in range(5):
        await outbox.put(replace(ITEM, key=f"k{number}"), now_ms=NOW + 4 - number)
    await outbox.put(replace(ITEM, key="other", target="OTHER"), now_ms=NOW)
    first = await claimed(outbox, now_ms=NOW + 9, most=3)
    assert [each.item.key for each in first] == ["k4", "k3", "k2"]
    assert [each.item.key for each in await claimed(outbox, now_ms=NOW + 9)] == ["k1", "k0"]
    assert [each.item.key for each in await claimed(outbox, target="OTHER")] == ["other"]


async def test_of_many_who_put_the_same_one_succeeds_and_of_many_who_claim_each_item_goes_to_one(
    open_outbox: Opener,
) -> None:
    workers = [open_outbox() for _ in range(4)]
    items = [replace(ITEM, key=f"k{number}") for number in range(20)]
    put = await asyncio.gather(*(worker.put(item, now_ms=NOW) for item in items for worker in workers))
    assert sum(put) == len(items)
    lots = await asyncio.gather(*(claimed(worker, most=2) for worker in workers * 5))
    keys = [claim.item.key for lot in lots for claim in lot]
    assert sorted(keys) == sorted(item.key for item in items)


async def test_a_receiver_that_is_gone_for_good_fills_nothing(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sqlite_outbox, redis_outbox):
        monkeypatch.setattr(module, "MOST_WAITING", 3)
    kept = [await outbox.put(replace(ITEM, key=f"k{number}"), now_ms=NOW) for number in range(5)]
    assert kept == [True, True, True, False, False]
    assert await outbox.put(replace(ITEM, target="OTHER", key="other"), now_ms=NOW)
    late = NOW + limits.GIVEN_UP_AFTER_MS
    assert await claimed(outbox, now_ms=late) == []
    assert await outbox.put(replace(ITEM, key="new"), now_ms=late)
    assert [each.item.key for each in await claimed(outbox, now_ms=late)] == ["new"]
