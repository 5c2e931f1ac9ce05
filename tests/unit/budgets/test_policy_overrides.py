"""What the settings change in a budget for one team or key."""

from __future__ import annotations

from typing import Any

from litellm_plugins.budgets.policy import Ask, BudgetPolicy, Covering
from litellm_plugins.model import Identity
from litellm_plugins.settings import parse

ME = Identity(key_id="k1", key_alias="ci", team_id="t1", team_alias="support")
BUDGETS = [
    {"name": "company", "limit_usd": 500},
    {"name": "team-day", "scope": "team", "limit_usd": 50, "limit_requests": 100, "soft": [0.8]},
]


def covering(who: Identity = ME, **overrides: dict[str, Any]) -> dict[str, Covering]:
    tables = {table: {name: {"budgets": each} for name, each in over.items()} for table, over in overrides.items()}
    policy = BudgetPolicy(parse({"budgets": BUDGETS} | tables))
    return {each.line.budget: each for each in policy.covering(Ask(who), now_ms=1_770_000_000_000)}


def usd(found: dict[str, Covering], budget: str) -> float:
    nano = found[budget].line.limits.nano_usd
    assert nano is not None
    return nano / 1_000_000_000


def test_an_override_changes_the_fields_that_it_names() -> None:
    found = covering(per_team={"support": {"team-day": {"limit_usd": 70}}})
    assert usd(found, "team-day") == 70
    assert found["team-day"].line.limits.requests == 100
    assert found["team-day"].budget.soft == (0.8,)
    assert usd(found, "company") == 500


def test_the_key_comes_after_the_team_and_the_team_shows_through() -> None:
    team = {"team-day": {"limit_usd": 70, "limit_requests": 7}}
    found = covering(per_team={"t1": team}, per_key={"ci": {"team-day": {"limit_usd": 90}}})
    assert (usd(found, "team-day"), found["team-day"].line.limits.requests) == (90, 7)


def test_null_switches_a_budget_off_for_them() -> None:
    assert set(covering(per_team={"t1": {"company": None}})) == {"team-day"}
    assert set(covering(Identity(team_id="t2"), per_team={"t1": {"company": None}})) == {"company", "team-day"}


def test_a_key_may_have_again_what_its_team_does_without() -> None:
    found = covering(per_team={"t1": {"company": None}}, per_key={"k1": {"company": {"limit_usd": 3}}})
    assert usd(found, "company") == 3


def test_a_limit_can_be_lifted_and_another_stays() -> None:
    limits = covering(per_team={"t1": {"team-day": {"limit_usd": None}}})["team-day"].line.limits
    assert (limits.nano_usd, limits.requests) == (None, 100)


def test_whose_account_it_is_stays() -> None:
    """A limit of their own on an account that all share: their requests stop earlier, the others' do not."""
    mine, others = (covering(who, per_key={"ci": {"company": {"limit_usd": 3}}}) for who in (ME, Identity()))
    assert mine["company"].line.account == others["company"].line.account == "company"
    assert (usd(mine, "company"), usd(others, "company")) == (3, 500)


def test_a_window_can_change_where_the_account_is_theirs_alone() -> None:
    found = covering(per_team={"t1": {"team-day": {"window": "1h"}}})
    assert found["team-day"].line.span.end_ms - found["team-day"].line.span.start_ms == 3_600_000


def test_overrides_that_do_not_fit_each_other_break_no_request() -> None:
    """The team takes the marks away, the key wants to degrade at one: the key's holds, on the settings' budget."""
    found = covering(per_team={"t1": {"team-day": {"soft": []}}}, per_key={"k1": {"team-day": {"on_soft": "degrade"}}})
    assert (found["team-day"].budget.on_soft, found["team-day"].budget.soft) == ("degrade", (0.8,))
