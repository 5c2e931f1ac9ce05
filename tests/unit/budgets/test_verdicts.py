"""What is decided of a request once the ledger has answered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_plugins.budgets import verdicts
from litellm_plugins.budgets.amounts import NANO, NOTHING, Amounts, Limits
from litellm_plugins.budgets.ledger import Balance, Denied, Granted
from litellm_plugins.budgets.policy import Ask, BudgetPolicy, Covering
from litellm_plugins.budgets.standing import marks_passed, standings
from litellm_plugins.model import BudgetReason, BudgetState, Identity
from litellm_plugins.settings import parse
from litellm_plugins.settings.budgets import Degrade

NOW = 1_770_000_000_000
A_DOLLAR = Amounts(NANO, 100, 1)


def coverings(*budgets: dict[str, Any]) -> tuple[Covering, ...]:
    named = [{"name": f"b{i}"} | budget for i, budget in enumerate(budgets)]
    return BudgetPolicy(parse({"budgets": named})).covering(Ask(Identity(team_id="t")), now_ms=NOW)


def granted(
    *budgets: tuple[dict[str, Any], Amounts], amount: Amounts = A_DOLLAR, degraded: BudgetReason | None = None
) -> verdicts.BudgetVerdict:
    """Each budget with what was spent on it before."""
    found = coverings(*(budget for budget, _ in budgets))
    balances = [Balance(c.line.account, c.line.span, spent) for c, (_, spent) in zip(found, budgets, strict=True)]
    return verdicts.granted(found, Granted(tuple(balances)), amount, degraded=degraded)


def spent(usd: float, tokens: int = 0) -> Amounts:
    return Amounts(round(usd * NANO), tokens)


def test_far_from_every_limit_all_is_well() -> None:
    verdict = granted(({"limit_usd": 10}, spent(2)))
    assert (verdict.state, verdict.reason) == (BudgetState.OK, BudgetReason.WITHIN)
    assert (verdict.budget, verdict.remaining_nano_usd) == ("b0", 7 * NANO)
    assert (verdict.marks, verdict.degrade, verdict.message) == ((), None, "")


def test_without_a_budget_there_is_nothing_to_say() -> None:
    verdict = granted()
    assert (verdict.state, verdict.reason) == (BudgetState.OK, BudgetReason.NO_BUDGET)
    assert (verdict.budget, verdict.remaining_nano_usd, verdict.tightest) == ("", None, None)


def test_the_tightest_is_that_with_the_smallest_share_left() -> None:
    """Not the fewest dollars: tokens and dollars do not compare, shares of a limit do."""
    verdict = granted(
        ({"limit_usd": 2}, spent(0)), ({"limit_usd": 500}, spent(490)), ({"limit_tokens": 9_000}, NOTHING)
    )
    assert (verdict.budget, verdict.remaining_nano_usd) == ("b1", 9 * NANO)


def test_remaining_dollars_are_those_of_the_tightest_limit_in_dollars() -> None:
    """Though tokens may be tighter still: the header says dollars."""
    verdict = granted(({"limit_usd": 10}, spent(2)), ({"limit_tokens": 1_000}, spent(0, 899)))
    assert (verdict.budget, verdict.remaining_nano_usd) == ("b1", 7 * NANO)
    assert granted(({"limit_tokens": 1_000}, NOTHING)).remaining_nano_usd is None


def test_a_mark_counts_from_when_it_was_passed_before_the_request() -> None:
    """An estimate is an upper bound: it alone turns no request into a cheaper one."""
    soft = {"limit_usd": 10, "soft": [0.5, 0.8]}
    assert granted((soft, spent(4.9))).marks == ()
    verdict = granted((soft, spent(5)))
    assert (verdict.state, verdict.reason) == (BudgetState.SOFT, BudgetReason.SOFT_MARK)
    assert [mark.mark for mark in verdict.marks] == [0.5]
    assert [mark.mark for mark in granted((soft, spent(8))).marks] == [0.5, 0.8]


def test_a_mark_is_exact() -> None:
    """0.1 of 30 cents is 3 cents, whatever floats make of it."""
    found = coverings({"limit_usd": "0.3", "soft": [0.1]})[0]
    for nano_usd, passed in ((29_999_999, 0), (30_000_000, 1)):
        assert len(marks_passed(found, Balance("b0", found.line.span, Amounts(nano_usd)))) == passed


def test_any_limit_reaches_a_mark_and_is_named_with_it() -> None:
    verdict = granted(({"limit_usd": 10, "limit_tokens": 100, "soft": [0.5]}, spent(0, 60)))
    assert [(mark.budget, mark.metric) for mark in verdict.marks] == [("b0", "tokens")]


DEGRADES = {"limit_usd": 10, "soft": [0.5, 0.8], "on_soft": "degrade", "degrade": {"model": "small"}}


def test_past_the_last_mark_the_request_is_to_be_degraded() -> None:
    assert granted((DEGRADES, spent(5))).degrade is None
    assert granted((DEGRADES, spent(8))).degrade == Degrade(model="small")
    assert granted((DEGRADES | {"on_soft": "warn"}, spent(8))).degrade is None


def test_once_degraded_it_is_not_degraded_again() -> None:
    verdict = granted((DEGRADES, spent(8)), degraded=BudgetReason.DEGRADED_AT_MARK)
    assert (verdict.state, verdict.reason) == (BudgetState.DEGRADED, BudgetReason.DEGRADED_AT_MARK)
    assert (verdict.degrade, len(verdict.marks)) == (None, 2)


def test_several_budgets_degrade_together() -> None:
    """The first model that is named, the lowest of each number."""
    one = DEGRADES | {"degrade": {"max_tokens": 500, "max_error_rate": 0.05}}
    two = DEGRADES | {"degrade": {"model": "small", "max_tokens": 900}}
    three = DEGRADES | {"degrade": {"model": "tiny", "max_error_rate": 0.02}}
    verdict = granted(*((budget, spent(9)) for budget in (one, two, three)), amount=NOTHING)
    assert verdict.degrade == Degrade(model="small", max_tokens=500, max_error_rate=0.02)


def test_an_admin_s_limits_come_before_the_settings() -> None:
    (found,) = coverings({"limit_usd": 10})
    balance = Balance("b0", found.line.span, spent(9), limits=Limits(100 * NANO))
    verdict = verdicts.granted((found,), Granted((balance,)), A_DOLLAR)
    assert verdict.remaining_nano_usd == 90 * NANO


def test_what_is_reserved_by_others_is_not_left() -> None:
    (found,) = coverings({"limit_usd": 10})
    balance = Balance("b0", found.line.span, spent(1), reserved=spent(3))
    assert verdicts.granted((found,), Granted((balance,)), A_DOLLAR).remaining_nano_usd == 5 * NANO


def denied(budget: dict[str, Any], free_at_ms: int | None = NOW + 90_500) -> verdicts.BudgetVerdict:
    found = coverings({"limit_requests": 10**6}, {"limit_usd": 10} | budget)
    balance = Balance("b1", found[1].line.span, spent(9.5))
    denial = Denied(found[1].line, balance, "nano_usd", free_at_ms)
    return verdicts.refused(found, denial, A_DOLLAR, now_ms=NOW)


def test_a_denial_names_its_budget_and_when_to_come_again() -> None:
    verdict = denied({})
    assert (verdict.state, verdict.reason) == (BudgetState.DENIED, BudgetReason.LIMIT_REACHED)
    assert (verdict.budget, verdict.remaining_nano_usd, verdict.retry_after_s) == ("b1", NANO // 2, 91)
    assert verdict.degrade is None
    assert "b1" in verdict.message


@pytest.mark.parametrize(("free_in_ms", "seconds"), [(-5, 1), (0, 1), (1, 1), (1_000, 1), (1_001, 2)])
def test_to_come_again_at_once_is_never_told(free_in_ms: int, seconds: int) -> None:
    """`retry-after: 0` would have every client back within the same millisecond."""
    assert denied({}, NOW + free_in_ms).retry_after_s == seconds


def test_a_request_that_alone_is_too_much_is_not_told_to_wait() -> None:
    verdict = denied({}, None)
    assert (verdict.reason, verdict.retry_after_s) == (BudgetReason.ABOVE_LIMIT, None)


def test_what_the_settings_want_at_the_limit_goes_with_the_denial() -> None:
    assert denied({"on_hard": "degrade", "degrade": {"model": "local"}}).degrade == Degrade(model="local")
    verdict = denied({"on_hard": "cache_only"})
    assert (verdict.state, verdict.reason) == (BudgetState.DENIED, BudgetReason.CACHE_ONLY)


def test_a_single_request_is_held_to_the_lowest_cap() -> None:
    found = coverings({"max_request_usd": 3}, {"limit_usd": 1}, {"max_request_usd": "0.999"})
    verdict = verdicts.above_cap(found, A_DOLLAR)
    assert verdict is not None
    assert (verdict.state, verdict.reason) == (BudgetState.DENIED, BudgetReason.ABOVE_REQUEST_CAP)
    assert (verdict.budget, verdict.retry_after_s) == ("b2", None)
    assert verdicts.above_cap(found[:2], A_DOLLAR) is None
    assert verdicts.above_cap(coverings({"max_request_usd": 1}), A_DOLLAR) is None


def test_a_model_without_a_price_is_refused_under_a_budget_in_dollars() -> None:
    found = coverings({"limit_tokens": 5}, {"max_request_usd": 1})
    assert verdicts.in_dollars(found) == found[1]
    assert verdicts.in_dollars(found[:1]) is None
    verdict = verdicts.unpriced(found, "mystery")
    assert (verdict.reason, verdict.budget) == (BudgetReason.UNPRICED_MODEL, "b1")
    assert "mystery" in verdict.message


def test_without_the_ledger_one_budget_that_denies_is_enough() -> None:
    both = coverings({"limit_usd": 1, "on_ledger_failure": "allow"}, {"limit_usd": 1})
    verdict = verdicts.ledger_unavailable(both)
    assert (verdict.state, verdict.reason) == (BudgetState.DENIED, BudgetReason.LEDGER_UNAVAILABLE)
    assert (verdict.budget, verdict.retry_after_s) == ("b1", 5)
    allowed = verdicts.ledger_unavailable(both[:1])
    assert (allowed.state, allowed.reason) == (BudgetState.OK, BudgetReason.LEDGER_UNAVAILABLE_ALLOWED)


amounts = st.builds(Amounts, *[st.integers(0, 10**15)] * 3)
limits = st.builds(Limits, *[st.none() | st.integers(0, 10**15)] * 3)


@given(limits, amounts, amounts, amounts)
def test_whatever_the_ledger_holds_what_is_left_is_a_plain_number(
    limit: Limits, before: Amounts, reserved: Amounts, more: Amounts
) -> None:
    """Overspent, or with a limit of zero: no gauge and no header shows less than nothing or infinity."""
    (found,) = coverings({"limit_usd": 1, "soft": [0.5]})
    balance = Balance("b0", found.line.span, before, reserved, limits=limit)
    each = list(standings(found, balance, more))
    assert len(each) == sum(limit is not None for limit in limit)
    assert all(standing.left >= 0 and 0 <= standing.share_left <= 1 for standing in each)
    verdict = verdicts.granted((found,), Granted((balance,)), more)
    assert (verdict.remaining_nano_usd is None) == (limit.nano_usd is None)
    assert (verdict.remaining_nano_usd or 0) >= 0
