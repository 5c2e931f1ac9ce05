"""Values that clients name: after so many accounts of a window every new one is counted among the others."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from litellm_plugins.budgets.amounts import NOTHING, Limits
from litellm_plugins.budgets.ledger import Denied, Granted, Ledger, Line, Span
from tests.support.ledger_fixtures import Opener
from tests.support.ledgers import DAY, LEASE, NEXT_DAY, NOW, held, rolling, usd

OTHERS = "chat/end_user=~other"
MINUTE = 60_000


def user(name: str, *, span: Span = DAY, most: int = 2, shared: str = OTHERS, limit: int = 100) -> Line:
    return Line("chat", f"chat/end_user={name}", Limits(limit), span, shared=shared, most_accounts=most)


async def ask(ledger: Ledger, call: str, *lines: Line, nano: int = 60, now_ms: int = NOW) -> Granted | Denied:
    return await ledger.reserve(call, lines, usd(nano), now_ms=now_ms, lease_ms=LEASE)


def counted(granted: Granted | Denied) -> list[str]:
    assert isinstance(granted, Granted)
    return [balance.account for balance in granted.balances]


async def accounts_of(ledger: Ledger) -> set[str]:
    return {balance.account for balance in await ledger.balances(now_ms=NOW)}


async def test_the_first_have_accounts_of_their_own_and_all_others_share_one_with_the_same_limit(
    ledger: Ledger,
) -> None:
    for name in ("ana", "bea"):
        assert counted(await ask(ledger, name, user(name))) == [user(name).account]
    assert counted(await ask(ledger, "eve-1", user("eve-1"))) == [OTHERS]
    refused = await ask(ledger, "eve-2", user("eve-2"))
    assert isinstance(refused, Denied)
    assert (refused.line.account, refused.balance.account, refused.balance.reserved) == (OTHERS, OTHERS, usd(60))
    assert counted(await ask(ledger, "eve-3", user("eve-3"), nano=40)) == [OTHERS]
    assert counted(await ask(ledger, "ana-2", user("ana"), nano=40)) == [user("ana").account]
    assert await accounts_of(ledger) == {user("ana").account, user("bea").account, OTHERS}


async def test_what_is_counted_among_the_others_is_settled_and_released_there(ledger: Ledger) -> None:
    for call in ("ana", "bea", "eve", "zoe"):
        await ask(ledger, call, user(call), nano=30)
    settled = await ledger.settle("eve", usd(20), now_ms=NOW)
    assert [(balance.account, balance.spent) for balance in settled.balances] == [(OTHERS, usd(20))]
    await ask(ledger, "zoe", user("zoe"), nano=10)
    assert await held(ledger, OTHERS) == (usd(20), usd(10), NOTHING)
    await ledger.settle("zoe", NOTHING, now_ms=NOW)
    assert await held(ledger, OTHERS) == (usd(20), NOTHING, NOTHING)


async def test_one_request_with_many_new_values_gets_no_more_accounts_and_pays_once(ledger: Ledger) -> None:
    lines = [user(f"tag-{number}", most=3) for number in range(10)]
    granted = counted(await ask(ledger, "a", *lines))
    assert granted == [*(line.account for line in lines[:3]), *[OTHERS] * 7]
    assert (await held(ledger, OTHERS))[1] == usd(60)


async def test_whoever_is_refused_takes_no_place(ledger: Ledger) -> None:
    await ask(ledger, "ana", user("ana"))
    assert isinstance(await ask(ledger, "bea", user("bea"), nano=101), Denied)
    assert counted(await ask(ledger, "eve", user("eve"))) == [user("eve").account]


async def test_groups_and_windows_do_not_know_each_other(ledger: Ledger) -> None:
    for name in ("ana", "bea", "eve"):
        await ask(ledger, name, user(name))
    elsewhere = user("eve", shared="chat/team=t,end_user=~other")
    assert counted(await ask(ledger, "t", replace(elsewhere, account="chat/team=t,end_user=eve"))) == [
        "chat/team=t,end_user=eve"
    ]
    tomorrow = await ask(ledger, "next", user("eve", span=NEXT_DAY), now_ms=NEXT_DAY.start_ms)
    assert counted(tomorrow) == [user("eve").account]


async def test_in_a_rolling_window_there_is_room_again_when_others_have_left_it(ledger: Ledger) -> None:
    def named(name: str, at: int) -> Line:
        return user(name, span=rolling(MINUTE, at))

    for name in ("ana", "bea", "eve"):
        await ask(ledger, name, named(name, NOW), nano=10)
        await ledger.settle(name, usd(10), now_ms=NOW)
    half = NOW + MINUTE // 2
    assert counted(await ask(ledger, "ana-2", named("ana", half), nano=10, now_ms=half)) == [user("ana").account]
    await ledger.settle("ana-2", usd(10), now_ms=half)
    later = NOW + MINUTE + 1
    assert counted(await ask(ledger, "zoe", named("zoe", later), nano=10, now_ms=later)) == [user("zoe").account]
    assert counted(await ask(ledger, "eve-2", named("eve", later), nano=10, now_ms=later)) == [OTHERS]
    assert counted(await ask(ledger, "ana-3", named("ana", later), nano=10, now_ms=later)) == [user("ana").account]


async def test_a_hundred_inventors_at_once_over_two_workers_get_the_places_there_are(open_ledger: Opener) -> None:
    workers = [open_ledger(), open_ledger()]
    most, limit = 10, 100
    told = await asyncio.gather(
        *(ask(workers[n % 2], f"c{n}", user(f"u{n}", most=most, limit=limit), nano=30) for n in range(100))
    )
    places = Counter(account for each in told if isinstance(each, Granted) for account in counted(each))
    assert places.pop(OTHERS) == limit // 30
    assert set(places.values()) == {1}
    assert len(places) == most
    assert len(await accounts_of(workers[0])) == most + 1


@pytest.mark.parametrize("limits", [Limits(5, None, 7), Limits(None, 0, None)])
async def test_what_a_holder_s_metadata_says_is_kept_for_whoever_looks_and_gone_when_it_is_gone(
    ledger: Ledger, limits: Limits
) -> None:
    key = Line("chat", "chat/key=k", Limits(100), DAY)
    (before,) = (await ask(ledger, "a", key, nano=0)).balances  # type: ignore[union-attr]
    assert before.by_holder is None
    await ask(ledger, "b", replace(key, by_holder=limits), nano=1)
    (balance,) = await ledger.balances(now_ms=NOW)
    assert (balance.by_holder, balance.limits) == (limits, None)
    assert isinstance(await ask(ledger, "c", replace(key, by_holder=Limits(3)), nano=1_000), Denied)
    (balance,) = await ledger.balances(now_ms=NOW)
    assert balance.by_holder == Limits(3)
    await ask(ledger, "d", key, nano=1)
    (balance,) = await ledger.balances(now_ms=NOW)
    assert balance.by_holder is None
