"""From summed hours to what the page draws; a team's alone where it is a team's."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.cache.verifier.standing import Promise, Standing
from litellm_plugins.insight.routes import RouteSums
from litellm_plugins.insight.usage import Row, Sums
from litellm_plugins.ui.budgets import budgets
from litellm_plugins.ui.overview import Counted, overview
from litellm_plugins.ui.promises import precision, promises
from litellm_plugins.ui.reading import scope_of
from litellm_plugins.ui.reviewing import effects, items
from litellm_plugins.ui.spans import span_of

NOW_H = 500_000 + 13
SPAN = span_of("24h", NOW_H)


def row(word: str, hour: int = NOW_H, **sums: int) -> Row:
    return Row(hour, (word,), Sums(**sums))


def test_savings_are_told_by_the_layer_that_answered() -> None:
    layers = [
        row("exact", requests=2, saved_nano_usd=1_000_000_000),
        row("semantic", NOW_H - 3, requests=1, saved_nano_usd=3_000_000_000),
        row("miss", requests=5, spent_nano_usd=2_000_000_000, own_nano_usd=500_000_000, saved_nano_usd=0),
        row("off", requests=4),
    ]
    seen = overview(Counted(layers, [row("failure", requests=3)], []), SPAN)
    assert (seen.saved_usd, seen.spent_usd, seen.would_have_cost_usd) == (4.0, 2.5, 6.5)
    assert seen.hit_rate == pytest.approx(3 / 8)  # of what was looked up
    assert seen.failed == pytest.approx(3 / 12)
    assert [(each.kind, each.usd, each.share) for each in seen.causes] == [
        ("exact", 1.0, 0.25),
        ("semantic", 3.0, 0.75),
    ]
    filled = [column.label for column in seen.savings.columns if column.pieces]
    assert len(filled) == 2
    assert [column.told for column in seen.hits.columns if column.pieces][-1].endswith("same question 29%")  # 2 of 7


def test_what_the_pack_refused_is_no_failure() -> None:
    """A budget that holds is at work, and the provider answers whoever gets through."""
    seen = overview(
        Counted([row("miss", requests=10)], [row("failure", requests=1), row("refused", requests=4)], []), SPAN
    )
    assert (seen.failed, seen.refused) == (0.1, 0.4)


def test_what_is_saved_without_a_hit_is_a_cause_of_its_own_and_no_request() -> None:
    layers = [
        row("miss", requests=4, spent_nano_usd=1_000_000_000),
        row("compression", saved_nano_usd=5_000_000_000),
        row("prompt_cache", saved_nano_usd=-1_000_000_000),
    ]
    seen = overview(Counted(layers, [], []), SPAN)
    assert (seen.requests, seen.saved_usd, seen.hit_rate) == (4, 4.0, 0.0)
    assert [(each.kind, each.usd) for each in seen.causes] == [("compression", 5.0), ("prompt_cache", -1.0)]
    assert seen.savings.kinds == ("compression",)  # a column goes up only


def test_an_empty_span_divides_by_nothing() -> None:
    seen = overview(Counted([], [], [], {}), SPAN)
    assert (seen.hit_rate, seen.failed, seen.causes, seen.tiers) == (None, None, (), ())
    assert seen.by_tier
    assert not seen.savings.has_any


def test_tiers_are_shares_of_routed_requests() -> None:
    routes = {
        ("auto/cheap", "success"): RouteSums(6, 0, 1_000_000_000),
        ("auto/cheap", "failure"): RouteSums(2, 0, 0),
        ("auto/cheap", "refused"): RouteSums(9, 0, 0),  # no budget was left: it went nowhere
        ("auto/strong/trial:b", "success"): RouteSums(2, 0, 3_000_000_000),
    }
    tiers = overview(Counted([], [], [], routes), SPAN).tiers
    assert [(each.name, each.requests, each.share) for each in tiers] == [
        ("auto / cheap", 8, 0.8),
        ("auto / strong", 2, 0.2),
    ]


def test_a_teams_routed_requests_are_told_by_the_models_that_answered() -> None:
    """Tiers have no team; what a team asked a router for, and what answered, has."""
    routed = [
        Row(NOW_H, ("auto", "gpt-4.1-nano"), Sums(requests=6, spent_nano_usd=1_000_000_000)),
        Row(NOW_H - 1, ("auto", "gpt-4.1-nano"), Sums(requests=1)),
        Row(NOW_H, ("auto", "gpt-4.1"), Sums(requests=3)),
        Row(NOW_H, ("auto", ""), Sums(requests=5)),  # the cache answered
    ]
    seen = overview(Counted([], [], [], routed=routed), SPAN)
    assert [(each.name, each.requests, each.usd) for each in seen.tiers] == [
        ("auto / gpt-4.1-nano", 7, 1.0),
        ("auto / gpt-4.1", 3, 0.0),
    ]
    assert not seen.by_tier


def test_of_many_models_the_rest_is_one_line() -> None:
    rows = [row(f"m{number:02}", requests=100 - number) for number in range(20)] + [row("", requests=50)]
    models = overview(Counted([], [], rows), SPAN).models
    assert len(models) == 13
    assert models[-1].name == "8 more"
    assert sum(each.share for each in models) == pytest.approx(1)


@pytest.mark.parametrize(("name", "many"), [("24h", 24), ("7d", 28), ("30d", 30), ("../etc", 28), (None, 28)])
def test_a_span_is_cut_into_columns_up_to_the_running_hour(name: str | None, many: int) -> None:
    span = span_of(name, NOW_H)
    assert len(span.labels) == many
    assert span.column_of(NOW_H) == many - 1
    assert span.column_of(span.since) == 0


def test_a_promise_is_kept_while_the_expected_rate_is_no_higher() -> None:
    kept, broken, never = promises(
        Standing(
            300,
            256,
            0.0,
            {"0.01": Promise(0.93, 0.21, 0.0062), "0.005": Promise(0.97, 0.1, 0.0071), "0.002": Promise(None)},
        )
    ).lines
    assert (kept.expected, kept.promised, kept.is_kept, kept.serves) == ("0.62%", "1.0%", True, True)
    assert not broken.is_kept
    assert broken.width > kept.width
    assert not never.serves


def test_precision_is_told_only_once_there_are_verdicts() -> None:
    assert precision({}) is None
    assert precision({"precision": {"all": {"sampled": 9, "judged": 0, "right": None}}}) is None
    told = precision({"precision": {"all": {"sampled": 9, "judged": 7, "right": 0.9, "low": 0.5, "high": 0.99}}})
    assert told is not None
    assert (told.share, told.low, told.high, told.judged) == ("90.0%", "50.0%", "99.0%", 7)


def account(name: str, share: float | None, **told: Any) -> dict[str, Any]:
    meter = {"limit": 10.0, "spent": 10.0 * (share or 0), "reserved": 0.0, "share_used": share}
    none = {"limit": None, "spent": 0, "reserved": 0, "share_used": None}
    window = {"length": "1d", "end": "2027-03-02T00:00:00Z", "rolling": False}
    forecast = {
        "outlook": "reached_at",
        "at": "2027-03-01T20:00:00Z",
        "earliest": "2027-03-01T18:00:00Z",
        "latest": None,
    }
    return {
        "name": name.partition("/")[0], "account": name, "holder": "", "state": "soft", "share_used": share,
        "window": window, "usd": meter, "tokens": none, "requests": none, "forecast": forecast, **told,
    }  # fmt: skip


def test_budgets_are_listed_with_the_fullest_first_and_their_forecast() -> None:
    listed = budgets([account("a", 0.2), account("b", 0.9)], team_names=None)
    assert [line.name for line in listed.lines] == ["b", "a"]
    assert listed.lines[0].amount == "$9.00 of $10.00"
    assert listed.lines[0].forecast == "reached 2027-03-01 20:00 UTC (95%: 2027-03-01 18:00 UTC, or not at all)"


def test_a_team_sees_accounts_of_its_own_alone() -> None:
    given = [account(f"day/{scope}", 0.5) for scope in ("", "team=support", "team=sales", "team=sales,user=u%2Cteam=x")]
    listed = budgets(given, team_names=frozenset({"sales"}))
    assert len(listed.lines) == 2
    assert budgets(given, team_names=frozenset()).lines == ()


def test_a_team_sees_the_accounts_of_its_own_keys() -> None:
    given = [account(f"day/{scope}", 0.5) for scope in ("key=aa", "key=bb", "team=support,key=aa", "user=aa")]
    listed = budgets(given, team_names=frozenset({"sales"}), team_keys={"aa"})
    assert len(listed.lines) == 1
    assert budgets(given, team_names=frozenset({"sales"})).lines == ()


def test_what_the_desk_gives_of_other_teams_is_left_out() -> None:
    given = [{"id": "1", "team": "support"}, {"id": "2", "team": "sales"}, {"id": "3"}]
    assert [each.id for each in items(given, team_names=frozenset({"sales"}), tenant=None)] == ["2"]
    assert len(items(given, team_names=None, tenant=None)) == 3


def test_of_two_teams_of_one_name_each_is_shown_its_own_items() -> None:
    given = [{"id": "1", "team": "sales", "tenant": "team:a"}, {"id": "2", "team": "sales", "tenant": "team:b"}]
    assert [each.id for each in items(given, team_names=frozenset({"sales"}), tenant="team:b")] == ["2"]


def test_effects_that_are_not_known_are_not_repeated() -> None:
    assert effects(["evicted", "<b>", ""]) == ["the answer is gone from the cache, on every worker"]


def test_a_team_goes_by_its_id_and_its_alias() -> None:
    known = {"t-1": "Support", "t-2": None, "Support": "Old support"}
    assert scope_of("t-1", known).names == {"t-1", "Support"}
    assert scope_of("t-2", known) == scope_of("t-2", {})
    assert scope_of("Support", known).team_id == "Support"  # an id comes before an alias
    assert scope_of("Support", {"t-1": "Support"}).team_id == "t-1"
