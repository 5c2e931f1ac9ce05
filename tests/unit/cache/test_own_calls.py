"""What a call of ours costs lands on the tab of the request that it is made for, whenever that is."""

from __future__ import annotations

import asyncio

from litellm_plugins.cache.own_calls import OwnCalls, put_on, tab


async def call(nano_usd: int) -> None:
    await asyncio.sleep(0)
    payer = tab()
    if payer is not None:
        payer.add(nano_usd)


async def test_each_request_pays_for_its_own_calls_and_nobody_for_the_others() -> None:
    one, other = OwnCalls(), OwnCalls()
    with put_on(one):
        first = asyncio.create_task(call(1))
    with put_on(other):
        await call(20)
    await asyncio.gather(first, call(400))
    assert (one.take(), other.take()) == (1, 20)
    assert (one.take(), other.take()) == (0, 0)


async def test_what_comes_late_is_told_and_what_is_there_already_at_once() -> None:
    own, taken = OwnCalls(), list[int]()
    own.add(3)
    own.from_now_on(lambda late: taken.append(late.take()))
    own.add(0)
    own.add(5)
    assert taken == [3, 5]
    assert own.take() == 0


def test_one_who_only_looks_on_takes_nothing_away() -> None:
    own, heard = OwnCalls(), list[tuple[int, bool]]()
    own.add(3)
    own.tell_more(lambda *told: heard.append(told))
    own.add(0)
    own.add(5)
    own.add(7, for_history=True)
    assert (heard, own.total_nano_usd, own.take(), own.total_nano_usd) == ([(5, False), (7, True)], 15, 15, 15)
    assert own.for_history_nano_usd == 7
