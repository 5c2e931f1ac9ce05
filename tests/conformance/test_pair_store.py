"""What every keeper of `PairStore` promises."""

from __future__ import annotations

import asyncio

from litellm_plugins.cache.pairs import FOR_GOOD_S, PairStore
from tests.conformance.conftest import Backend
from tests.conformance.entries import NOW

Two = tuple[PairStore, PairStore]
TENANT = "team:Soporte 👩"
ONE, OTHER = b"1" * 16, b"2" * 16


async def test_what_one_worker_bars_the_other_does_not_hit(pair_stores: Two) -> None:
    one, other = pair_stores
    assert not await other.is_barred(TENANT, [ONE, OTHER])
    await one.bar(TENANT, [ONE], until_s=NOW + FOR_GOOD_S)

    assert await other.is_barred(TENANT, [OTHER, ONE])
    assert not await other.is_barred(TENANT, [OTHER])


async def test_a_tenant_s_pairs_are_its_own(pair_stores: Two) -> None:
    one, other = pair_stores
    await one.bar(TENANT, [ONE], until_s=NOW + 60)
    await one.vouch(TENANT, ONE, 1)

    assert not await other.is_barred("team:sales", [ONE])
    assert await other.vouched("team:sales", ONE) == 0


async def test_a_doubt_ends_and_a_longer_one_is_not_cut_short(pair_stores: Two, backend: Backend) -> None:
    one, other = pair_stores
    await one.bar(TENANT, [ONE, OTHER], until_s=NOW + 60)
    await one.bar(TENANT, [ONE], until_s=NOW + 600)
    await other.bar(TENANT, [ONE], until_s=NOW + 30)
    backend.clock.now += 61

    assert await other.is_barred(TENANT, [ONE])
    assert not await other.is_barred(TENANT, [OTHER])


async def test_a_pair_may_hit_again(pair_stores: Two) -> None:
    one, other = pair_stores
    await one.bar(TENANT, [ONE, OTHER], until_s=NOW + 60)
    await other.unbar(TENANT, [ONE], ending_by_s=NOW + 60)

    assert not await one.is_barred(TENANT, [ONE])
    assert await one.is_barred(TENANT, [OTHER])


async def test_what_was_barred_for_longer_stays_barred(pair_stores: Two) -> None:
    one, other = pair_stores
    await one.bar(TENANT, [ONE], until_s=NOW + FOR_GOOD_S)
    await one.bar(TENANT, [ONE, OTHER], until_s=NOW + 60)
    await other.unbar(TENANT, [ONE, OTHER], ending_by_s=NOW + 600)

    assert await one.is_barred(TENANT, [ONE])
    assert not await one.is_barred(TENANT, [OTHER])


async def test_the_first_to_end_make_room(pair_stores: Two) -> None:
    one, _ = pair_stores
    await one.bar(TENANT, [b"g" * 16], until_s=NOW + FOR_GOOD_S)
    for number in range(8):
        await one.bar(TENANT, [bytes([number]) * 16], until_s=NOW + 60 + number)

    assert await one.is_barred(TENANT, [b"g" * 16])
    assert [await one.is_barred(TENANT, [bytes([number]) * 16]) for number in range(8)] == [False] * 3 + [True] * 5


async def test_people_who_vouch_are_counted_by_every_worker_and_never_below_none(pair_stores: Two) -> None:
    await asyncio.gather(*(store.vouch(TENANT, ONE, 1) for store in pair_stores for _ in range(10)))
    one, other = pair_stores
    assert await other.vouched(TENANT, ONE) == 20
    assert await one.vouch(TENANT, ONE, -21) == 0
    assert await one.vouch(TENANT, ONE, 1) == 1
    for number in range(8):
        await one.vouch(TENANT, bytes([number]) * 16, 2)

    assert await other.vouched(TENANT, ONE) == 0  # who has fewest makes room
