"""What every ledger promises of the end of a call: settled once, or lapsed, or first the one and then the other."""

from __future__ import annotations

from litellm_plugins.budgets.amounts import NOTHING, Amounts
from litellm_plugins.budgets.ledger import Balance, Denied, Granted, Ledger, Settlement
from tests.support.ledger_fixtures import Opener
from tests.support.ledgers import DAY, LEASE, NOW, held, line, usd

TEAM = line("team", usd=100)
COMPANY = line("company", usd=1_000)
OVER = NOW + LEASE  # when a lease that was taken at NOW is over


async def start(ledger: Ledger, call: str, amount: int, *, called: bool, now_ms: int = NOW) -> None:
    assert isinstance(await ledger.reserve(call, [TEAM, COMPANY], usd(amount), now_ms=now_ms, lease_ms=LEASE), Granted)
    if called:
        await ledger.called(call, now_ms=now_ms, lease_ms=LEASE)


async def test_a_second_settlement_changes_nothing(ledger: Ledger) -> None:
    await start(ledger, "a", 50, called=True)
    spent = (Balance("company", DAY, usd(40)), Balance("team", DAY, usd(40)))
    assert await ledger.settle("a", usd(40), now_ms=NOW) == Settlement(fresh=True, balances=spent)
    assert await ledger.settle("a", usd(45), now_ms=NOW + 5) == Settlement(fresh=False)
    assert await held(ledger, "team") == (usd(40), NOTHING, NOTHING)


async def test_an_unknown_call_is_not_settled(ledger: Ledger) -> None:
    assert await ledger.settle("nobody", usd(40), now_ms=NOW) == Settlement(fresh=False)
    await ledger.called("nobody", now_ms=NOW, lease_ms=LEASE)
    assert await ledger.balances(now_ms=NOW) == []


async def test_a_call_may_cost_more_or_less_than_was_reserved_or_nothing(ledger: Ledger) -> None:
    for call, actual in (("a", 0), ("b", 70), ("c", 10)):
        await start(ledger, call, 20, called=True)
        assert (await ledger.settle(call, usd(actual), now_ms=NOW)).fresh
    assert await held(ledger, "team") == (usd(80), NOTHING, NOTHING)


async def test_a_settled_call_holds_nothing_more(ledger: Ledger) -> None:
    """A hook of the host's that comes late must not leave a reservation that nobody ends."""
    await start(ledger, "a", 50, called=True)
    await ledger.settle("a", usd(40), now_ms=NOW)
    late = await ledger.reserve("a", [TEAM], usd(90), now_ms=NOW, lease_ms=LEASE)
    assert late == Granted((Balance("team", DAY, usd(40)),))
    await ledger.called("a", now_ms=NOW, lease_ms=LEASE)
    assert await held(ledger, "team", now_ms=OVER) == (usd(40), NOTHING, NOTHING)
    assert await ledger.lapse(now_ms=OVER) == 0


async def test_a_lease_that_lapses_before_its_provider_was_called_frees_everything(ledger: Ledger) -> None:
    await start(ledger, "a", 100, called=False)
    assert isinstance(await ledger.reserve("b", [TEAM], usd(1), now_ms=OVER - 1, lease_ms=LEASE), Denied)
    assert isinstance(await ledger.reserve("b", [TEAM], usd(1), now_ms=OVER, lease_ms=LEASE), Granted)
    assert await held(ledger, "team", now_ms=OVER) == (NOTHING, usd(1), NOTHING)
    assert await held(ledger, "company", now_ms=OVER) == (NOTHING, NOTHING, NOTHING)


async def test_a_lease_that_lapses_during_the_call_is_charged_as_reserved(ledger: Ledger) -> None:
    await start(ledger, "a", 60, called=True)
    assert await ledger.lapse(now_ms=OVER - 1) == 0
    assert await ledger.lapse(now_ms=OVER) == 1
    assert await ledger.lapse(now_ms=OVER) == 0
    for account in ("team", "company"):
        assert await held(ledger, account, now_ms=OVER) == (usd(60), NOTHING, usd(60))
    refused = await ledger.reserve("b", [TEAM], usd(41), now_ms=OVER, lease_ms=LEASE)
    assert isinstance(refused, Denied)
    assert refused.balance == Balance("team", DAY, usd(60), unconfirmed=usd(60))


async def test_a_ledger_set_to_release_lets_it_go_and_books_what_comes_late(open_ledger: Opener) -> None:
    ledger = open_ledger("release")
    await start(ledger, "a", 60, called=True)
    assert await ledger.lapse(now_ms=OVER) == 1
    assert await held(ledger, "team", now_ms=OVER) == (NOTHING, NOTHING, NOTHING)
    assert (await ledger.settle("a", usd(40), now_ms=OVER)).fresh
    assert not (await ledger.settle("a", usd(40), now_ms=OVER)).fresh
    assert await held(ledger, "team", now_ms=OVER) == (usd(40), NOTHING, NOTHING)


async def test_what_comes_late_corrects_the_charge_exactly_once(ledger: Ledger) -> None:
    await start(ledger, "a", 60, called=True)
    await start(ledger, "b", 30, called=True)
    await ledger.lapse(now_ms=OVER)
    corrected = Balance("team", DAY, usd(105), unconfirmed=usd(30))
    assert corrected in (await ledger.settle("a", usd(75), now_ms=OVER + 9)).balances
    assert not (await ledger.settle("a", usd(60), now_ms=OVER + 9)).fresh
    assert await held(ledger, "team", now_ms=OVER) == (usd(105), NOTHING, usd(30))
    await ledger.settle("b", NOTHING, now_ms=OVER + 9)
    assert await held(ledger, "team", now_ms=OVER) == (usd(75), NOTHING, NOTHING)


async def test_what_comes_late_for_a_call_that_was_let_go_is_booked_in_full(ledger: Ledger) -> None:
    await start(ledger, "a", 60, called=False)
    await ledger.lapse(now_ms=OVER)
    assert (await ledger.settle("a", usd(40), now_ms=OVER)).fresh
    assert await held(ledger, "team", now_ms=OVER) == (usd(40), NOTHING, NOTHING)


async def test_a_lease_is_renewed_by_the_call_of_a_provider_and_by_another_reservation(ledger: Ledger) -> None:
    await start(ledger, "a", 60, called=False)
    await ledger.called("a", now_ms=OVER - 1, lease_ms=LEASE)
    assert await ledger.lapse(now_ms=OVER + LEASE - 2) == 0
    await ledger.reserve("a", [TEAM], usd(10), now_ms=OVER + LEASE - 2, lease_ms=LEASE)
    assert await ledger.lapse(now_ms=OVER + 2 * LEASE - 3) == 0
    assert await ledger.lapse(now_ms=OVER + 2 * LEASE - 2) == 1
    assert await held(ledger, "team", now_ms=OVER) == (usd(10), NOTHING, usd(10))  # the first provider was called


async def test_a_lease_that_is_over_is_not_renewed(ledger: Ledger) -> None:
    await start(ledger, "a", 60, called=False)
    await ledger.called("a", now_ms=OVER, lease_ms=LEASE)
    assert await held(ledger, "team", now_ms=OVER) == (NOTHING, NOTHING, NOTHING)


async def test_a_call_that_reserves_again_after_its_lapse_takes_its_charge_back(ledger: Ledger) -> None:
    await start(ledger, "a", 60, called=True)
    await start(ledger, "b", 20, called=False)
    again = await ledger.reserve("a", [TEAM], usd(95), now_ms=OVER, lease_ms=LEASE)
    assert again == Granted((Balance("team", DAY),))
    assert await held(ledger, "team", now_ms=OVER) == (NOTHING, usd(95), NOTHING)
    assert await held(ledger, "company", now_ms=OVER) == (NOTHING, NOTHING, NOTHING)
    await ledger.settle("a", usd(5), now_ms=OVER)
    assert await held(ledger, "team", now_ms=OVER) == (usd(5), NOTHING, NOTHING)


async def test_a_refused_raise_after_a_lapse_leaves_the_charge(ledger: Ledger) -> None:
    await start(ledger, "a", 60, called=True)
    await ledger.lapse(now_ms=OVER)
    assert isinstance(await ledger.reserve("a", [TEAM], usd(101), now_ms=OVER, lease_ms=LEASE), Denied)
    assert await held(ledger, "team", now_ms=OVER) == (usd(60), NOTHING, usd(60))
    assert isinstance(await ledger.reserve("a", [TEAM], usd(100), now_ms=OVER, lease_ms=LEASE), Granted)


async def test_very_many_leases_lapse(ledger: Ledger) -> None:
    """Of a worker that died at its busiest; whoever asks next is not refused for them."""
    many = line("many", requests=1_100)
    for n in range(1_100):
        await ledger.reserve(f"call-{n}", [many], Amounts(requests=1), now_ms=NOW, lease_ms=LEASE)
    refused = await ledger.reserve("next", [many], Amounts(requests=1_100), now_ms=OVER - 1, lease_ms=LEASE)
    assert isinstance(refused, Denied)
    granted = await ledger.reserve("next", [many], Amounts(requests=1_100), now_ms=OVER, lease_ms=LEASE)
    assert granted == Granted((Balance("many", DAY),))
    assert await ledger.lapse(now_ms=OVER) == 0
