"""Budgets from the metadata of keys and teams: they tighten and add, and can break nothing."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_plugins.budgets.amounts import NANO, Limits
from litellm_plugins.budgets.policy import Ask, BudgetPolicy, Covering
from litellm_plugins.model import Identity
from litellm_plugins.settings import parse

NOW = 1_770_000_000_000
ME = Identity(key_id="k1", key_alias="ci", team_id="t1", team_alias="support")
BUDGETS = [
    {"name": "company", "limit_usd": 500, "max_request_usd": 2},
    {"name": "team-day", "scope": "team", "limit_usd": 50},
    {"name": "off", "limit_usd": 1},
]
SETTINGS = parse({"budgets": BUDGETS, "per_team": {"t1": {"budgets": {"off": None}}}})
SECRET = "sk-very-secret-0123456789"


def ask(key: object = None, team: object = None) -> Ask:
    return Ask(ME, metadata={"key": {"budgets": key}, "team": {"budgets": team}})


def covering(key: object = None, team: object = None) -> dict[str, Covering]:
    return {each.line.account: each for each in BudgetPolicy(SETTINGS).covering(ask(key, team), now_ms=NOW)}


def usd(found: dict[str, Covering], account: str) -> float:
    nano = found[account].line.limits.nano_usd
    assert nano is not None
    return nano / 1_000_000_000


PLAIN = covering()


def test_limits_by_name_tighten_what_the_settings_say() -> None:
    found = covering(key={"team-day": {"limit_usd": 5, "limit_requests": 3}, "company": {"max_request_usd": 1}})
    assert (usd(found, "team-day/team=t1"), found["team-day/team=t1"].line.limits.requests) == (5, 3)
    assert found["company"].budget.max_request_usd == 1


@pytest.mark.parametrize(
    "limits", [{"limit_usd": 900, "max_request_usd": 9}, {"limit_usd": None}, {}, {"limit_usd": 500}]
)
def test_limits_by_name_never_loosen(limits: dict[str, Any]) -> None:
    """Whoever may make a key may write its metadata."""
    assert covering(key={"company": limits}, team=[{"name": "company"} | limits]) == PLAIN


def test_the_lowest_of_settings_team_and_key_holds() -> None:
    assert usd(covering({"company": {"limit_usd": 7}}, {"company": {"limit_usd": 9}}), "company") == 7
    assert usd(covering({"company": {"limit_usd": 9}}, {"company": {"limit_usd": 7}}), "company") == 7


def test_a_list_adds_budgets_on_the_holder_s_own_accounts() -> None:
    """After those of the settings. Not on anybody else's: nobody can use up what is not theirs."""
    found = covering(
        key=[{"name": "mine", "limit_usd": 2}, {"name": "chat", "scope": {"model": "opus"}, "limit_tokens": 9}],
        team=[{"name": "mine", "limit_usd": 3, "window": "1mo"}, {"name": "each", "scope": "key", "limit_usd": 1}],
    )
    assert list(found) == ["company", "team-day/team=t1", "mine/team=t1", "each/key=k1,team=t1", "mine/key=k1"]
    assert (usd(found, "mine/team=t1"), usd(found, "mine/key=k1")) == (3, 2)


def test_what_holds_for_all_who_draw_on_an_account_is_told_beside_it() -> None:
    """A key's word on its team's account is for the key alone, and on everybody's account neither is told."""
    found = covering(
        key=[{"name": "team-day", "limit_usd": 5}, {"name": "mine", "limit_usd": 2}],
        team={"team-day": {"limit_usd": 30}, "company": {"limit_usd": 7}},
    )
    told = {account: each.line.by_holder for account, each in found.items()}
    assert told == {"company": None, "team-day/team=t1": Limits(30 * NANO), "mine/key=k1": Limits(2 * NANO)}
    assert usd(found, "team-day/team=t1") == 5
    assert {each.line.by_holder for each in PLAIN.values()} == {None}
    loose = covering(team={"team-day": {"limit_usd": 900}})
    assert loose["team-day/team=t1"].line.by_holder is None


def test_a_list_may_tighten_too() -> None:
    assert usd(covering([{"name": "company", "limit_usd": 4}]), "company") == 4


FAULTS: dict[str, tuple[object, str]] = {
    "no list and no mapping": (SECRET, ": expected a list of budgets, or limits by the name"),
    "a number": ([5], ".0: expected a list of budgets, or limits by the name"),
    "no JSON": ({"company": {1, 2}}, ": expected a list of budgets, or limits by the name"),
    "very long": ([{"name": "x" * 20_000, "limit_usd": 1}], ": expected a list of budgets, or limits by the name"),
    "no name": ([{"limit_usd": 1}], ".0.name: field required"),
    "a bad name": ([{"name": SECRET + "!", "limit_usd": 1}], ".0.name: string should match pattern"),
    "a field that is not known": ([{"name": "x", "limit_usd": 1, SECRET: 1}], ".0.*: unknown; known are limit_req"),
    "a limit that is none": ([{"name": "x", "limit_usd": SECRET}], ".0.limit_usd: input should be a valid decimal"),
    "a window that is none": ([{"name": "x", "limit_usd": 1, "window": SECRET}], ".0.window: expected a count and"),
    "a limit below zero": ({"company": {"limit_usd": -1}}, ".company.limit_usd: input should be greater than or"),
    "more than limits": ({"company": {"window": "1h"}}, ".company: of a budget of the settings only limits can be"),
    "switching on": ({"off": {"limit_usd": 1}}, ".off: the settings switch this budget off for them"),
    "an unknown name": ({SECRET: {"limit_usd": 1}}, ".*: no budget of the settings has this name"),
    "a model to be served by": (
        [{"name": "x", "limit_usd": 1, "degrade": {"model": "opus"}}],
        ".0.degrade: stands in the settings only",
    ),
    "a way round a ledger that is down": (
        [{"name": "x", "limit_usd": 1, "on_ledger_failure": "allow"}],
        ".0.on_ledger_failure: stands in the settings only",
    ),
    "another's account": ([{"name": "x", "limit_usd": 1, "scope": {"key": "k2"}}], ".0.scope: it covers this key"),
    "the team's account": ([{"name": "x", "limit_usd": 1, "scope": "team"}], ".0.scope: the account of a key's own"),
}


@pytest.mark.parametrize(("given_", "told"), FAULTS.values(), ids=FAULTS.keys())
def test_what_cannot_be_used_leaves_the_settings_as_they_are_and_is_told_once(
    given_: object, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In one line with the key's alias and the place, and no value from it: it may be a secret."""
    policy = BudgetPolicy(SETTINGS)
    with caplog.at_level(logging.WARNING):
        found = [policy.covering(ask(given_), now_ms=NOW + i) for i in range(3)]
    assert [{each.line.account: each for each in one} for one in found] == [PLAIN] * 3
    (line,) = caplog.messages
    assert line.startswith(f"metadata of key ci: litellm_plugins.budgets{told}")
    assert "secret" not in line


def test_one_that_cannot_be_used_does_not_take_the_others_with_it(caplog: pytest.LogCaptureFixture) -> None:
    found = covering([{"name": "bad", "limit_usd": "x"}, {"name": "good", "limit_usd": 1}, {"name": "good"}])
    assert set(found) - set(PLAIN) == {"good/key=k1"}
    assert len(caplog.messages) == 2


def test_nobody_can_cost_every_request_a_thousand_accounts(caplog: pytest.LogCaptureFixture) -> None:
    found = covering([{"name": f"b{i}", "limit_usd": 1} for i in range(200)])
    assert len(found) - len(PLAIN) == 16
    assert "more than 16 entries" in caplog.text


def test_each_key_is_told_of_by_its_own_alias(caplog: pytest.LogCaptureFixture) -> None:
    policy = BudgetPolicy(SETTINGS)
    for alias in ("ci", "cd", None):
        policy.covering(Ask(Identity(key_id="k", key_alias=alias), metadata={"key": "?"}), now_ms=NOW)
    assert [line.split(":")[0] for line in caplog.messages] == [
        "metadata of key ci",
        "metadata of key cd",
        "metadata of a key without an alias",
    ]


@pytest.mark.parametrize("nothing", [None, {}, {"budgets": None}, {"cache": {"bypass": True}}])
def test_metadata_without_budgets_says_nothing(nothing: object, caplog: pytest.LogCaptureFixture) -> None:
    found = BudgetPolicy(SETTINGS).covering(Ask(ME, metadata={"key": nothing, "team": nothing}), now_ms=NOW)
    assert {each.line.account: each for each in found} == PLAIN
    assert not caplog.messages


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["company", "team-day", "name", "limit_usd", "limit_requests", "scope", "window"])
            | st.text(max_size=8),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json, json)
def test_whatever_metadata_holds_the_limits_of_the_settings_are_not_exceeded(key: object, team: object) -> None:
    """And no request breaks."""
    found = covering(key, team)
    for account, plain in PLAIN.items():
        for limit, before in zip(found[account].line.limits, plain.line.limits, strict=True):
            assert before is None or (limit is not None and limit <= before)
        assert found[account].line.span == plain.line.span
