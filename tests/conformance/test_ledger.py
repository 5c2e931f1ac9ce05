"""What every ledger promises of a reservation: all lines or none, and in place of the call's earlier one."""

from __future__ import annotations

import pytest

from litellm_plugins.budgets.amounts import NOTHING, Amounts, Limits
from litellm_plugins.budgets.ledger import Balance, Denied, Granted, Ledger, Line
from tests.support.ledgers import DAY, LEASE, NEXT_DAY, NOW, held, line, usd

TEAM = line("team-day/team=support", usd=100)
COMPANY = line("company", usd=1_000, tokens=1_000, requests=1_000)


async def ask(ledger: Ledger, call: str, lines: list[Line], amount: Amounts, *, now_ms: int = NOW) -> Granted | Denied:
    return await ledger.reserve(call, lines, amount, now_ms=now_ms, lease_ms=LEASE)


async def test_what_is_reserved_is_held_until_it_is_settled(ledger: Ledger) -> None:
    asked = Amounts(nano_usd=70, tokens=5, requests=1)
    granted = await ask(ledger, "a", [TEAM, COMPANY], asked)
    assert granted == Granted((Balance(TEAM.account, DAY), Balance("company", DAY)))
    assert await held(ledger, "company") == (NOTHING, asked, NOTHING)
    again = await ask(ledger, "b", [COMPANY], asked)
    assert again == Granted((Balance("company", DAY, reserved=asked),))
    await ledger.settle("a", Amounts(60, 4, 1), now_ms=NOW)
    assert await held(ledger, "company") == (Amounts(60, 4, 1), asked, NOTHING)
    assert await held(ledger, TEAM.account) == (Amounts(60, 4, 1), NOTHING, NOTHING)


@pytest.mark.parametrize("metric", ["nano_usd", "tokens", "requests"])
async def test_each_metric_is_granted_up_to_its_limit_and_not_one_more(ledger: Ledger, metric: str) -> None:
    covering = Line("b", "b", Limits(**{metric: 10}), DAY)
    assert isinstance(await ask(ledger, "a", [covering], Amounts(**{metric: 9})), Granted)
    refused = await ask(ledger, "b", [covering], Amounts(**{metric: 2}))
    nine = Amounts(**{metric: 9})
    assert refused == Denied(covering, Balance("b", DAY, reserved=nine), metric, DAY.end_ms)  # type: ignore[arg-type]
    assert isinstance(await ask(ledger, "c", [covering], Amounts(**{metric: 1})), Granted)
    assert (await held(ledger, "b"))[1] == Amounts(**{metric: 10})


async def test_what_is_above_the_limit_by_itself_is_never_free(ledger: Ledger) -> None:
    refused = await ask(ledger, "a", [TEAM], usd(101))
    assert isinstance(refused, Denied)
    assert refused.free_at_ms is None


async def test_the_first_line_without_room_is_named_and_nothing_is_held_anywhere(ledger: Ledger) -> None:
    small, smaller = line("small", usd=50), line("smaller", usd=40)
    refused = await ask(ledger, "a", [TEAM, small, smaller, COMPANY], usd(60))
    assert isinstance(refused, Denied)
    assert refused.line == small
    for account in (TEAM.account, "small", "smaller", "company"):
        assert await held(ledger, account) == (NOTHING, NOTHING, NOTHING)
    assert isinstance(await ask(ledger, "a", [TEAM, COMPANY], usd(60)), Granted)


async def test_accounts_and_windows_do_not_know_each_other(ledger: Ledger) -> None:
    other, tomorrow = line("team-day/team=sales", usd=100), line(TEAM.account, usd=100, span=NEXT_DAY)
    for call, covering in (("a", TEAM), ("b", other), ("c", tomorrow)):
        assert isinstance(await ask(ledger, call, [covering], usd(100)), Granted)
    assert isinstance(await ask(ledger, "d", [TEAM], usd(1)), Denied)


async def test_an_account_that_is_named_twice_counts_once(ledger: Ledger) -> None:
    assert isinstance(await ask(ledger, "a", [TEAM, TEAM], usd(60)), Granted)
    assert (await held(ledger, TEAM.account))[1] == usd(60)
    await ledger.settle("a", usd(50), now_ms=NOW)
    assert await held(ledger, TEAM.account) == (usd(50), NOTHING, NOTHING)


async def test_a_reservation_is_lowered_and_raised_in_place(ledger: Ledger) -> None:
    await ask(ledger, "a", [TEAM], usd(90))
    for amount in (10, 100, 0, 55):
        assert await ask(ledger, "a", [TEAM], usd(amount)) == Granted((Balance(TEAM.account, DAY),))
        assert (await held(ledger, TEAM.account))[1] == usd(amount)


async def test_a_raise_without_room_leaves_the_earlier_reservation(ledger: Ledger) -> None:
    await ask(ledger, "other", [TEAM], usd(30))
    await ask(ledger, "a", [TEAM, COMPANY], usd(50))
    refused = await ask(ledger, "a", [COMPANY, TEAM], usd(71))
    assert refused == Denied(TEAM, Balance(TEAM.account, DAY, reserved=usd(30)), "nano_usd", DAY.end_ms)
    assert (await held(ledger, TEAM.account))[1] == usd(80)
    assert (await held(ledger, "company"))[1] == usd(50)
    assert isinstance(await ask(ledger, "a", [COMPANY, TEAM], usd(70)), Granted)


async def test_another_reservation_leaves_the_lines_that_it_does_not_name(ledger: Ledger) -> None:
    """A cheaper model has other budgets; or none."""
    cheap = line("cheap", usd=100)
    await ask(ledger, "a", [TEAM, COMPANY], usd(50))
    await ask(ledger, "a", [COMPANY, cheap], usd(20))
    assert [(await held(ledger, a))[1].nano_usd for a in (TEAM.account, "company", "cheap")] == [0, 20, 20]
    await ask(ledger, "a", [], usd(20))
    assert [(await held(ledger, a))[1].nano_usd for a in (TEAM.account, "company", "cheap")] == [0, 0, 0]
    assert (await ledger.settle("a", usd(20), now_ms=NOW)).fresh
    assert (await held(ledger, "company"))[0] == NOTHING


async def test_a_reservation_may_always_be_lowered(ledger: Ledger) -> None:
    """Although another call cost more than was reserved for it, and the account is over its limit."""
    await ask(ledger, "a", [TEAM], usd(50))
    await ask(ledger, "b", [TEAM], usd(50))
    await ledger.settle("b", usd(60), now_ms=NOW)
    assert isinstance(await ask(ledger, "a", [TEAM], usd(51)), Denied)
    assert isinstance(await ask(ledger, "a", [TEAM], usd(45)), Granted)
    assert isinstance(await ask(ledger, "a", [TEAM], usd(46)), Denied)
    assert (await held(ledger, TEAM.account))[:2] == (usd(60), usd(45))


async def test_what_is_free_passes_where_too_much_was_spent(ledger: Ledger) -> None:
    """So that a request may be degraded to a free local model."""
    await ask(ledger, "a", [TEAM], usd(100))
    await ledger.settle("a", usd(130), now_ms=NOW)
    assert isinstance(await ask(ledger, "b", [TEAM], usd(1)), Denied)
    assert isinstance(await ask(ledger, "b", [TEAM], Amounts(tokens=9, requests=1)), Granted)


async def test_millions_of_dollars_are_exact_to_the_nano_dollar(ledger: Ledger) -> None:
    """Up to 2^53 of them, where the numbers of Redis' scripts end."""
    large = 9_007_199_254_740_990
    covering = line("large", usd=large + 1)
    await ask(ledger, "a", [covering], usd(large))
    await ledger.settle("a", usd(large), now_ms=NOW)
    assert isinstance(await ask(ledger, "b", [covering], usd(2)), Denied)
    assert isinstance(await ask(ledger, "b", [covering], usd(1)), Granted)
    await ledger.settle("b", usd(1), now_ms=NOW)
    assert (await held(ledger, "large"))[0] == usd(large + 1)


async def test_names_may_hold_whatever_a_scope_may(ledger: Ledger) -> None:
    odd = line("n/key=%7Bé'\";:%00}{*", usd=10)
    assert isinstance(await ask(ledger, "ca'll {1}:*", [odd], usd(10)), Granted)
    assert isinstance(await ask(ledger, "b", [odd], usd(1)), Denied)
    assert [b.account for b in await ledger.balances(now_ms=NOW)] == [odd.account]
