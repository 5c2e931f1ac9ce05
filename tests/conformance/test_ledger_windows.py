"""What every ledger promises of windows: what leaves a rolling one, what a new one begins with, what an admin does."""

from __future__ import annotations

from litellm_plugins.budgets.amounts import NOTHING, Limits
from litellm_plugins.budgets.ledger import Balance, Denied, Granted, Ledger, Line, Span
from tests.support.ledger_fixtures import Opener
from tests.support.ledgers import DAY, LEASE, NEXT_DAY, NOW, held, line, rolling, usd

TEAM = line("team", usd=100)
MINUTE = 60_000


def minute(now_ms: int, *, limit: int = 100, account: str = "minute") -> Line:
    return line(account, usd=limit, span=rolling(MINUTE, now_ms))


async def ask(ledger: Ledger, call: str, covering: Line, amount: int, *, now_ms: int) -> Granted | Denied:
    return await ledger.reserve(call, [covering], usd(amount), now_ms=now_ms, lease_ms=LEASE)


async def spend(ledger: Ledger, call: str, covering: Line, amount: int, *, now_ms: int) -> None:
    assert isinstance(await ask(ledger, call, covering, amount, now_ms=now_ms), Granted)
    await ledger.settle(call, usd(amount), now_ms=now_ms)


async def test_a_rolling_window_frees_exactly_what_left_it_when_it_leaves(ledger: Ledger) -> None:
    for offset, amount in ((0, 50), (10_000, 30), (10_001, 15), (59_999, 5)):
        await spend(ledger, f"at-{offset}", minute(NOW + offset), amount, now_ms=NOW + offset)
    seen = [(await held(ledger, "minute", now_ms=NOW + MINUTE + at))[0].nano_usd for at in (-1, 0, 9_999, 10_000)]
    assert seen == [100, 50, 50, 20]
    late = NOW + MINUTE + 10_001
    assert isinstance(await ask(ledger, "b", minute(late), 96, now_ms=late), Denied)
    assert isinstance(await ask(ledger, "b", minute(late), 95, now_ms=late), Granted)


async def test_a_refusal_of_a_rolling_window_says_when_enough_will_have_left(ledger: Ledger) -> None:
    for offset, amount in ((0, 50), (10_000, 30), (20_000, 20)):
        await spend(ledger, f"at-{offset}", minute(NOW + offset), amount, now_ms=NOW + offset)
    now = NOW + 30_000
    free = {}
    for amount in (1, 50, 51, 80, 81, 100, 101):
        refused = await ask(ledger, "b", minute(now), amount, now_ms=now)
        assert isinstance(refused, Denied)
        free[amount] = refused.free_at_ms and refused.free_at_ms - NOW - MINUTE
    assert free == {1: 0, 50: 0, 51: 10_000, 80: 10_000, 81: 20_000, 100: 20_000, 101: None}
    assert isinstance(await ask(ledger, "b", minute(NOW + 70_000), 80, now_ms=NOW + 70_000), Granted)


async def test_where_reservations_are_in_the_way_a_rolling_window_is_free_after_its_length(ledger: Ledger) -> None:
    await spend(ledger, "a", minute(NOW), 10, now_ms=NOW)
    await ask(ledger, "b", minute(NOW), 80, now_ms=NOW)
    refused = await ask(ledger, "c", minute(NOW + 5), 21, now_ms=NOW + 5)
    assert isinstance(refused, Denied)
    assert refused.free_at_ms == NOW + 5 + MINUTE
    refused = await ask(ledger, "c", minute(NOW + 5), 20, now_ms=NOW + 5)
    assert isinstance(refused, Denied)
    assert refused.free_at_ms == NOW + MINUTE


async def test_what_a_calls_own_lapse_had_charged_makes_no_room_for_it_by_leaving(ledger: Ledger) -> None:
    await ledger.reserve("a", [minute(NOW)], usd(40), now_ms=NOW, lease_ms=100)
    await ledger.called("a", now_ms=NOW, lease_ms=100)
    await spend(ledger, "b", minute(NOW + 10), 50, now_ms=NOW + 10)
    refused = await ask(ledger, "a", minute(NOW + 100), 60, now_ms=NOW + 100)
    assert isinstance(refused, Denied)
    assert (refused.balance.held, refused.free_at_ms) == (usd(50), NOW + 10 + MINUTE)


async def test_in_a_rolling_window_a_call_counts_from_when_it_was_reserved_last(ledger: Ledger) -> None:
    """However long it takes. What takes longer than the window is reserved all the while, and then gone."""
    day = 86_400_000
    assert isinstance(await ledger.reserve("a", [minute(NOW)], usd(50), now_ms=NOW, lease_ms=day), Granted)
    await ledger.reserve("b", [minute(NOW)], usd(20), now_ms=NOW, lease_ms=day)
    await ledger.reserve("b", [minute(NOW + 10)], usd(20), now_ms=NOW + 10, lease_ms=day)
    assert (await held(ledger, "minute", now_ms=NOW + 2 * MINUTE))[1] == usd(70)
    await ledger.settle("b", usd(25), now_ms=NOW + MINUTE + 9)
    assert (await held(ledger, "minute", now_ms=NOW + MINUTE + 9)) == (usd(25), usd(50), NOTHING)
    assert (await held(ledger, "minute", now_ms=NOW + MINUTE + 10)) == (NOTHING, usd(50), NOTHING)
    settled = await ledger.settle("a", usd(50), now_ms=NOW + 2 * MINUTE)
    assert settled.balances == (Balance("minute", rolling(MINUTE, NOW + 2 * MINUTE)),)


async def test_a_charge_leaves_a_rolling_window_and_is_corrected_only_while_it_is_there(open_ledger: Opener) -> None:
    ledger, over = open_ledger(), NOW + 30_000
    for call in ("a", "b"):
        await ledger.reserve(call, [minute(NOW)], usd(40), now_ms=NOW, lease_ms=30_000)
        await ledger.called(call, now_ms=NOW, lease_ms=30_000)
    assert await held(ledger, "minute", now_ms=over) == (usd(80), NOTHING, usd(80))
    await ledger.settle("a", usd(15), now_ms=over)
    assert await held(ledger, "minute", now_ms=over) == (usd(55), NOTHING, usd(40))
    assert await held(ledger, "minute", now_ms=NOW + MINUTE) == (NOTHING, NOTHING, NOTHING)
    assert (await ledger.settle("b", usd(15), now_ms=NOW + MINUTE)).fresh
    assert await held(ledger, "minute", now_ms=NOW + MINUTE) == (NOTHING, NOTHING, NOTHING)


async def test_a_long_rolling_window_frees_nothing_early_and_all_of_it_soon(ledger: Ledger) -> None:
    month = 30 * 86_400_000
    for offset in (0, 1, 7_777, 50_000):
        await spend(ledger, f"at-{offset}", line("m", span=rolling(month, NOW + offset)), 10, now_ms=NOW + offset)
    spent = [(await held(ledger, "m", now_ms=NOW + month + at))[0].nano_usd for at in (-1, 49_999, 50_000 + 26_000)]
    assert spent[0] == 40
    assert spent[1] >= 10
    assert spent[2] == 0


async def test_a_call_is_booked_in_the_window_in_which_it_was_reserved(ledger: Ledger) -> None:
    """Midnight passes while the provider answers: the new day begins with nothing."""
    before, after = DAY.end_ms - 1, DAY.end_ms + 1
    tomorrow = line("team", usd=100, span=NEXT_DAY)
    await ask(ledger, "a", TEAM, 70, now_ms=before)
    assert isinstance(await ask(ledger, "b", tomorrow, 100, now_ms=after), Granted)
    settled = await ledger.settle("a", usd(60), now_ms=after)
    assert settled.balances == (Balance("team", DAY, usd(60)),)
    assert await ledger.balances(now_ms=after) == [Balance("team", NEXT_DAY, reserved=usd(100))]


async def test_a_reservation_is_renewed_into_the_window_of_the_day(ledger: Ledger) -> None:
    after = DAY.end_ms + 1
    await ask(ledger, "a", TEAM, 70, now_ms=DAY.end_ms - 1)
    assert isinstance(await ask(ledger, "a", line("team", usd=100, span=NEXT_DAY), 50, now_ms=after), Granted)
    settled = await ledger.settle("a", usd(40), now_ms=after)
    assert settled.balances == (Balance("team", NEXT_DAY, usd(40)),)


async def test_balances_are_those_of_the_windows_that_are_not_over_by_account(ledger: Ledger) -> None:
    await spend(ledger, "a", TEAM, 10, now_ms=NOW)
    await spend(ledger, "b", line("company", usd=100), 20, now_ms=NOW)
    await spend(ledger, "c", minute(NOW), 30, now_ms=NOW)
    now = NOW + 5
    team, company = Balance("team", DAY, usd(10)), Balance("company", DAY, usd(20))
    assert await ledger.balances(now_ms=now) == [company, Balance("minute", rolling(MINUTE, now), usd(30)), team]
    assert await ledger.balances(now_ms=now, account="team") == [team]
    assert await ledger.balances(now_ms=now, account="tea") == []
    assert [b.account for b in await ledger.balances(now_ms=DAY.end_ms) if b.held != NOTHING] == []


async def test_reset_forgets_what_was_spent_and_leaves_what_is_reserved(ledger: Ledger) -> None:
    for covering in (TEAM, minute(NOW)):
        account = covering.account
        await spend(ledger, f"a-{account}", covering, 60, now_ms=NOW)
        await ask(ledger, f"b-{account}", covering, 30, now_ms=NOW)
        assert await ledger.reset(account, now_ms=NOW) == 1
        assert await held(ledger, account) == (NOTHING, usd(30), NOTHING)
        await ledger.settle(f"b-{account}", usd(25), now_ms=NOW)
        assert await held(ledger, account) == (usd(25), NOTHING, NOTHING)
    assert await ledger.reset("nobody", now_ms=NOW) == 0


async def test_a_charge_that_was_reset_is_not_taken_back_again(ledger: Ledger) -> None:
    for covering in (TEAM, minute(NOW)):
        account = covering.account
        for call in ("late", "alive"):
            await ledger.reserve(f"{call}-{account}", [covering], usd(30), now_ms=NOW, lease_ms=100)
            await ledger.called(f"{call}-{account}", now_ms=NOW, lease_ms=100)
        await ledger.reset(account, now_ms=NOW + 100)
        assert await held(ledger, account, now_ms=NOW + 100) == (NOTHING, NOTHING, NOTHING)
        await ledger.settle(f"late-{account}", usd(25), now_ms=NOW + 100)
        assert await held(ledger, account, now_ms=NOW + 100) == (usd(25), NOTHING, NOTHING)
        await ask(ledger, f"alive-{account}", covering, 40, now_ms=NOW + 100)
        assert await held(ledger, account, now_ms=NOW + 100) == (usd(25), usd(40), NOTHING)


async def test_an_admins_limits_come_before_those_of_the_settings(ledger: Ledger) -> None:
    await ledger.limit(TEAM, Limits(nano_usd=150), now_ms=NOW)
    await spend(ledger, "a", TEAM, 120, now_ms=NOW)
    raised = Balance("team", DAY, usd(120), limits=Limits(nano_usd=150))
    refused = await ask(ledger, "b", TEAM, 31, now_ms=NOW)
    assert refused == Denied(TEAM, raised, "nano_usd", DAY.end_ms)
    assert await ledger.balances(now_ms=NOW) == [raised]
    refused = await ask(ledger, "b", TEAM, 101, now_ms=NOW)
    assert isinstance(refused, Denied)
    assert refused.free_at_ms is None  # tomorrow the settings' limit is in force again
    await ledger.limit(TEAM, Limits(nano_usd=130, requests=0), now_ms=NOW)
    assert isinstance(await ask(ledger, "b", TEAM, 11, now_ms=NOW), Denied)
    await ledger.limit(TEAM, None, now_ms=NOW)
    assert await ledger.balances(now_ms=NOW) == [Balance("team", DAY, usd(120))]
    assert isinstance(await ask(ledger, "b", TEAM, 1, now_ms=NOW), Denied)


async def test_an_admins_limits_end_with_the_window_or_a_reset(ledger: Ledger) -> None:
    tomorrow = line("team", usd=100, span=NEXT_DAY)
    await ledger.limit(TEAM, Limits(nano_usd=150), now_ms=NOW)
    assert isinstance(await ask(ledger, "a", tomorrow, 101, now_ms=DAY.end_ms), Denied)
    await ledger.reset("team", now_ms=NOW)
    assert isinstance(await ask(ledger, "b", TEAM, 101, now_ms=NOW), Denied)


async def test_an_admins_limits_of_a_rolling_window_stay(ledger: Ledger) -> None:
    await ledger.limit(minute(NOW), Limits(), now_ms=NOW)
    later = NOW + 100 * 86_400_000
    await ask(ledger, "a", line("other", span=Span(later, later + 1)), 1, now_ms=later)
    assert isinstance(await ask(ledger, "b", minute(later), 1_000, now_ms=later), Granted)
