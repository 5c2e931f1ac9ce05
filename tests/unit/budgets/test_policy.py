"""Which budgets cover a request, and on whose accounts it draws."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_plugins.budgets.amounts import Limits
from litellm_plugins.budgets.policy import OTHER, Ask, BudgetPolicy, Covering
from litellm_plugins.model import Identity
from litellm_plugins.settings import parse

NOW = 1_770_000_000_000  # 2026-02-02 02:40 UTC
HASH = "ab" * 32
ME = Identity(
    key_id=HASH, key_alias="ci", team_id="t1", team_alias="support", user_id="ana@example.com", end_user_id="shopper 7"
)
ASK = Ask(ME, "chat", ("beta",), ("claude-opus",), ("anthropic",))


def covering(ask: Ask, *budgets: dict[str, Any], now_ms: int = NOW, **more: Any) -> tuple[Covering, ...]:
    named = [{"name": f"b{i}", "limit_usd": 1} | budget for i, budget in enumerate(budgets)]
    return BudgetPolicy(parse({"budgets": named} | more)).covering(ask, now_ms=now_ms)


def accounts(ask: Ask, *budgets: dict[str, Any]) -> list[str]:
    return [each.line.account for each in covering(ask, *budgets)]


@pytest.mark.parametrize(
    ("scope", "account", "holder"),
    [
        ("global", "b0", ""),
        ("key", f"b0/key={HASH}", "key ci"),
        ("team", "b0/team=t1", "team support"),
        ("user", "b0/user=ana%40example.com", "user ana@example.com"),
        ("end_user", "b0/end_user=shopper%207", "end user shopper 7"),
        ("feature", "b0/feature=chat", "feature chat"),
        ("tag", "b0/tag=beta", "tag beta"),
        ("model", "b0/model=claude-opus", "model claude-opus"),
        ("provider", "b0/provider=anthropic", "provider anthropic"),
        (["model", "team"], "b0/team=t1,model=claude-opus", "team support, model claude-opus"),
        (["key", {"model": "claude-opus"}], f"b0/key={HASH},model=claude-opus", "key ci, model claude-opus"),
    ],
)
def test_every_value_of_a_scope_has_an_account_of_its_own(scope: object, account: str, holder: str) -> None:
    """Its kinds in one order, however they were written; the holder in words that show no hash."""
    (found,) = covering(ASK, {"scope": scope})
    assert (found.line.budget, found.line.account, found.holder) == ("b0", account, holder)


def test_a_value_is_written_so_that_nothing_in_it_separates() -> None:
    ask = Ask(Identity(end_user_id="a/b,team=t1 %"))
    assert accounts(ask, {"scope": "end_user"}) == ["b0/end_user=a%2Fb%2Cteam%3Dt1%20%25"]


def test_a_request_without_what_a_scope_looks_at_is_not_covered() -> None:
    """No team, no feature: there is nobody whose account it could be."""
    kinds = ("key", "team", "user", "end_user", "feature", "tag", "model", "provider")
    assert accounts(Ask(Identity()), *({"scope": kind} for kind in kinds), {"scope": ["key", "team"]}) == []
    assert accounts(Ask(Identity(team_id="", end_user_id="")), {"scope": "team"}, {"scope": "end_user"}) == []
    assert accounts(replace(ASK, feature=""), {"scope": ["key", "feature"]}) == []


@pytest.mark.parametrize(
    "scope",
    [
        {"team": "t1"},
        {"team": "support"},
        {"key": HASH},
        {"key": f"sha256:{HASH}"},
        {"key": "ci"},
        {"user": "ana@example.com"},
        {"end_user": "shopper 7"},
        {"feature": "chat"},
        {"tag": "beta"},
        {"model": "claude-opus"},
        {"provider": "anthropic"},
    ],
)
def test_a_scope_with_a_value_covers_who_has_that_id_or_alias(scope: dict[str, str]) -> None:
    assert len(accounts(ASK, {"scope": scope})) == 1


def test_a_scope_with_a_value_covers_nobody_else() -> None:
    """Nor does a value of one kind count for another."""
    others = [{"team": "ci"}, {"key": "support"}, {"user": "shopper 7"}, {"end_user": "ana@example.com"}]
    others += [{"feature": "claude-opus"}, {"tag": "chat"}, {"model": "anthropic"}, {"provider": "claude-opus"}]
    others += [{"team": "t1", "feature": "mail"}, {"team": "T1"}]
    assert accounts(ASK, *({"scope": scope} for scope in others)) == []


def test_a_named_value_is_one_account_whatever_it_is_reached_by() -> None:
    """Two teams of one alias share its limit; they do not have it twice."""
    other = replace(ASK, identity=replace(ME, team_id="t2"))
    budget = {"scope": {"team": "support"}}
    assert accounts(ASK, budget) == accounts(other, budget) == ["b0/team=support"]


def test_every_group_provider_and_tag_that_may_count_has_its_line() -> None:
    """Before the router has chosen: each that it may choose needs room."""
    ask = replace(ASK, model_groups=("small", "large"), providers=("openai", "azure"), tags=("a", "b"))
    assert accounts(ask, {"scope": "model"}) == ["b0/model=small", "b0/model=large"]
    assert accounts(ask, {"scope": {"model": "large"}}) == ["b0/model=large"]
    assert len(accounts(ask, {"scope": ["model", "provider", "tag"]})) == 8


def test_no_account_stands_twice_and_the_order_is_that_of_the_settings() -> None:
    """A tag sent twice is charged once."""
    ask = replace(ASK, tags=("a", "b", "a"), model_groups=("small", "small"))
    assert accounts(ask, {"scope": "tag"}, {}, {"scope": "model"}) == ["b0/tag=a", "b0/tag=b", "b1", "b2/model=small"]


values = st.text(min_size=1, max_size=200) | st.text(alphabet="%/,=~ab", min_size=1, max_size=6)


@given(values, values, values, values)
def test_accounts_of_different_holders_have_different_names(a: str, b: str, c: str, d: str) -> None:
    """Whatever a client calls itself: commas, slashes, percent signs, half of a surrogate pair."""
    budget = {"scope": ["end_user", "feature"]}
    one, two = (accounts(Ask(Identity(end_user_id=user), feature), budget) for user, feature in ((a, b), (c, d)))
    assert (one == two) == ((a, b) == (c, d))


@pytest.mark.parametrize("word", ["x" * 100_000, "\ud800", "a\nb\x1b[31m", "\U0001d518" * 5_000])
def test_a_client_s_own_word_makes_neither_a_long_name_nor_a_strange_sentence(word: str) -> None:
    """The end user is what the client says it is; the words go into an answer in JSON."""
    (found,) = covering(Ask(Identity(end_user_id=word)), {"scope": "end_user"})
    assert len(found.line.account) < 1_200
    assert found.holder.isprintable()
    assert found.holder.encode()
    assert len(found.holder) < 80


def test_a_line_holds_the_limits_and_the_window_in_the_budget_s_zone() -> None:
    limits = {"limit_usd": "0.000000037", "limit_tokens": 5, "limit_requests": 6}
    (found,) = covering(ASK, {**limits, "window": "1d", "timezone": "Europe/Madrid"})
    assert found.line.limits == Limits(37, 5, 6)
    assert (found.line.span.start_ms, found.line.span.end_ms) == (1_769_986_800_000, 1_770_073_200_000)


def test_windows_go_on_with_time() -> None:
    """One policy serves for days; the window before must not stay."""
    policy = BudgetPolicy(parse({"budgets": [{"name": "hour", "limit_usd": 1, "window": "1h"}]}))
    hour = 3_600_000
    starts = [policy.covering(ASK, now_ms=NOW + i * hour)[0].line.span.start_ms for i in (0, 1, 2, 1, 0)]
    assert [start - starts[0] for start in starts] == [0, hour, 2 * hour, hour, 0]


def test_a_rolling_window_moves_with_every_request() -> None:
    policy = BudgetPolicy(parse({"budgets": [{"name": "month", "limit_usd": 1, "window": "30d"}]}))
    ends = [policy.covering(ASK, now_ms=NOW + i)[0].line.span.end_ms for i in (0, 1)]
    assert ends[1] - ends[0] == 1


def test_without_budgets_nobody_is_covered() -> None:
    assert BudgetPolicy(parse({})).covering(ASK, now_ms=NOW) == ()


@pytest.mark.parametrize(
    ("scope", "shared"),
    [
        ("end_user", "b0/end_user=~other"),
        ("tag", "b0/tag=~other"),
        ("model", "b0/model=~other"),
        (["team", "end_user"], "b0/team=t1,end_user=~other"),
        (["feature", "end_user", {"model": "claude-opus"}], "b0/end_user=~other,feature=~other,model=claude-opus"),
        ({"feature": "chat"}, ""),
        ("key", ""),
        ("team", ""),
        ("user", ""),
        ("global", ""),
    ],
)
def test_only_values_that_clients_invent_are_counted_among_the_others(scope: object, shared: str) -> None:
    """For each key and team by itself: nobody takes another's places."""
    (found,) = covering(ASK, {"scope": scope, "max_accounts": 7})
    assert (found.line.shared, found.line.most_accounts) == (shared, 7 if shared else 0)


def test_no_client_is_called_like_all_the_others() -> None:
    for name in (OTHER, "~", "~other~"):
        (found,) = covering(replace(ASK, identity=replace(ME, end_user_id=name)), {"scope": "end_user"})
        assert found.line.account != found.line.shared
        assert "=~" not in found.line.account


@pytest.mark.parametrize(
    ("scope", "account"),
    [("global", "b0"), ("model", "b0/model=%7Eany"), ({"provider": "openai"}, "b0/provider=openai"), ("feature", None)],
)
def test_what_may_go_anywhere_is_covered_by_budgets_on_any_model(scope: Any, account: str | None) -> None:
    ask = Ask(Identity(key_id="k"), goes_anywhere=True)
    assert accounts(ask, {"scope": scope}) == ([] if account is None else [account])
