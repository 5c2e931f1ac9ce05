"""What is told of every account: from the ledger and the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.budgets.amounts import Amounts, Limits
from litellm_plugins.budgets.ledger import Ledger, Line, Span
from litellm_plugins.budgets.overview import AccountView, Overview, chosen
from litellm_plugins.budgets.policy import Ask, BudgetPolicy
from litellm_plugins.model import BudgetState, Identity
from litellm_plugins.settings import KeysFile, Settings, parse
from tests.support.ledgers import LEASE, ledger_at, usd

NOW = 1_800_000_000_000  # 2027-01-15 08:00 UTC
SETTINGS: dict[str, Any] = {
    "budgets": [
        {"name": "company", "limit_usd": 500},
        {"name": "team-day", "scope": "team", "limit_usd": 50, "soft": [0.5, 0.8], "timezone": "Europe/Madrid"},
        {"name": "chat", "scope": {"feature": "chat"}, "limit_usd": 20, "window": "1h"},
        {"name": "per-key", "scope": ["key", {"model": "opus"}], "limit_requests": 10, "window": "30d"},
    ],
    "virtual_keys": {"teams": [{"id": "support"}, {"id": "t-1", "alias": "Legal"}]},
    "per_team": {"t-1": {"budgets": {"team-day": {"limit_usd": 5}}}},
}


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = ledger_at(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield opened
    await opened.aclose()


async def spend(ledger: Ledger, settings: Settings, ask: Ask, amount: Amounts, *, settle: bool = True) -> None:
    lines = [each.line for each in BudgetPolicy(settings).covering(ask, now_ms=NOW)]
    call = f"{ask}{amount}{settle}"
    await ledger.reserve(call, lines, amount, now_ms=NOW, lease_ms=LEASE)
    if settle:
        await ledger.settle(call, amount, now_ms=NOW)


async def views(ledger: Ledger, settings: Settings) -> dict[str, AccountView]:
    return {view.account: view for view in await Overview(settings, ledger).accounts(now_ms=NOW)}


async def test_budgets_that_nobody_used_yet_stand_there_with_nothing_spent(ledger: Ledger) -> None:
    found = await views(ledger, parse(SETTINGS))
    assert list(found) == ["chat/feature=chat", "company", "team-day/team=support", "team-day/team=t-1"]
    assert all(meter.spent == 0 for view in found.values() for meter in view.meters)
    assert found["team-day/team=t-1"].holder == "team Legal"
    assert found["team-day/team=t-1"].meters[0].limit == 5_000_000_000
    assert found["team-day/team=support"].meters[0].limit == 50_000_000_000


async def test_what_is_spent_and_reserved_is_told_beside_limit_state_and_holder(ledger: Ledger) -> None:
    settings = parse(SETTINGS)
    support = Ask(Identity(key_id="a" * 64, team_id="support"), "chat", model_groups=("opus",))
    await spend(ledger, settings, support, Amounts(15_000_000_000, 70, 4))
    await spend(ledger, settings, support, Amounts(4_000_000_000, 7, 5), settle=False)
    await spend(ledger, settings, Ask(Identity(team_id="t-1")), usd(5_000_000_000))
    found = await views(ledger, settings)

    team = found["team-day/team=support"].meters[0]
    assert (team.spent, team.reserved, team.remaining) == (15_000_000_000, 4_000_000_000, 31_000_000_000)
    assert found["team-day/team=support"].state is BudgetState.OK
    assert found["chat/feature=chat"].state is BudgetState.OK  # no soft mark, whatever the share
    assert found["team-day/team=t-1"].state is BudgetState.DENIED
    key = found[f"per-key/key={'a' * 64},model=opus"]
    assert key.holder == "key aaaaaaaa…, model opus"
    assert key.fullest is not None
    assert (key.fullest.metric, float(key.fullest.share_held)) == ("requests", 0.9)
    assert key.meters[0].limit is None
    assert key.meters[0].remaining is None


async def test_a_soft_mark_makes_it_soft_and_an_admins_limit_another(ledger: Ledger) -> None:
    settings = parse(SETTINGS)
    who = Ask(Identity(team_id="support"))
    await spend(ledger, settings, who, usd(25_000_000_000))
    assert (await views(ledger, settings))["team-day/team=support"].state is BudgetState.SOFT
    (line,) = [each.line for each in BudgetPolicy(settings).covering(who, now_ms=NOW) if each.line.budget == "team-day"]
    await ledger.limit(line, Limits(nano_usd=200_000_000_000), now_ms=NOW)
    raised = (await views(ledger, settings))["team-day/team=support"]
    assert (raised.state, raised.by_admin, raised.meters[0].limit) == (BudgetState.OK, True, 200_000_000_000)


async def test_windows_of_settings_that_were_changed_are_left_out(ledger: Ledger) -> None:
    settings = parse(SETTINGS)
    month = Span(NOW - 86_400_000 * 9, NOW + 86_400_000)
    await ledger.reserve("1", [Line("company", "company", Limits(9), month)], usd(1), now_ms=NOW, lease_ms=LEASE)
    assert (await views(ledger, settings))["company"].meters[0].reserved == 0


async def test_an_account_that_the_settings_do_not_know_is_shown_without_limits(ledger: Ledger) -> None:
    own = Line("mine", "mine/key=abc", Limits(9), Span(NOW - 5, NOW + 5))
    await ledger.reserve("1", [own], usd(3), now_ms=NOW, lease_ms=LEASE)
    view = (await views(ledger, parse(SETTINGS)))["mine/key=abc"]
    assert (view.budget, view.holder, view.state, view.meters[0].reserved) == (None, "key abc", BudgetState.OK, 3)
    assert view.fullest is None


async def test_limits_that_metadata_tightens_are_shown_as_they_are_in_force(ledger: Ledger) -> None:
    settings = parse(SETTINGS)
    metadata: dict[Any, object] = {"team": {"budgets": {"team-day": {"limit_usd": 20}}}}
    metadata["key"] = {"budgets": [{"name": "mine", "limit_usd": 4}]}
    who = Ask(Identity(key_id="k", team_id="support"), metadata=metadata)
    await spend(ledger, settings, who, usd(3_000_000_000))
    found = await views(ledger, settings)
    team, own = found["team-day/team=support"], found["mine/key=k"]
    assert (team.meters[0].limit, team.meters[0].remaining, team.by_holder) == (20_000_000_000, 17_000_000_000, True)
    assert team.meters[0].forecast is not None
    assert (own.meters[0].limit, own.by_holder, own.budget) == (4_000_000_000, True, None)
    assert not found["company"].by_holder
    await spend(ledger, settings, who, usd(1_000_000_000))
    assert (await views(ledger, settings))["mine/key=k"].state is BudgetState.DENIED
    tighter = parse({**SETTINGS, "budgets": [{"name": "team-day", "scope": "team", "limit_usd": 2}]})
    tighter_day = (await views(ledger, tighter)).get("team-day/team=support")
    assert tighter_day is None or tighter_day.meters[0].limit == 2_000_000_000
    await spend(ledger, settings, Ask(Identity(team_id="support")), usd(1))
    (line,) = [view for view in (await views(ledger, settings)).values() if view.account == "team-day/team=support"]
    assert (line.meters[0].limit, line.by_holder) == (50_000_000_000, False)


async def test_all_others_have_the_limit_of_each_and_say_whose_they_are(ledger: Ledger) -> None:
    settings = parse({"budgets": [{"name": "each", "scope": "end_user", "limit_usd": 2, "max_accounts": 1}]})
    for name in ("ana", "bea", "~other"):
        await spend(ledger, settings, Ask(Identity(end_user_id=name)), usd(1_000_000_000))
    found = await views(ledger, settings)
    assert {account: view.holder for account, view in found.items()} == {
        "each/end_user=ana": "end user ana",
        "each/end_user=~other": "every other end user",
    }
    others = found["each/end_user=~other"]
    assert (others.meters[0].limit, others.meters[0].spent) == (2_000_000_000, 2_000_000_000)
    assert others.budget is not None


async def test_a_rolling_window_is_forecast_once_it_was_seen_twice(ledger: Ledger) -> None:
    settings = parse({"budgets": [{"name": "hour", "limit_requests": 100, "window": "1h rolling"}]})
    overview, then = Overview(settings, ledger), NOW - 600_000
    overview.trend.note(await ledger.balances(now_ms=then), now_ms=then)
    for number, at in enumerate((then, NOW)):
        (line,) = [each.line for each in BudgetPolicy(settings).covering(Ask(Identity()), now_ms=at)]
        await ledger.reserve(str(number), [line], Amounts(requests=20), now_ms=at, lease_ms=LEASE)
        await ledger.settle(str(number), Amounts(requests=20), now_ms=at)
        overview.trend.note(await ledger.balances(now_ms=at), now_ms=at)
    (view,) = await overview.accounts(now_ms=NOW)
    assert view.meters[2].forecast is not None
    assert (view.meters[2].forecast.outlook, view.meters[2].forecast.at_ms) == ("reached_at", NOW + 1_800_000)
    (fresh,) = await Overview(settings, ledger).accounts(now_ms=NOW)
    assert fresh.meters[2].forecast is not None
    assert fresh.meters[2].forecast.outlook == "too_early"


async def test_they_are_chosen_by_name_and_by_the_beginning_of_the_account(ledger: Ledger) -> None:
    seen = list((await views(ledger, parse(SETTINGS))).values())
    assert [view.account for view in chosen(seen, {"name": "company"})] == ["company"]
    assert len(list(chosen(seen, {"account": "team-day/"}))) == 2
    assert list(chosen(seen, {"name": "company", "account": "team"})) == []


async def test_an_override_by_alias_is_seen_for_teams_and_keys_of_the_keys_file(ledger: Ledger) -> None:
    overrides: dict[str, Any] = {
        "per_team": {"Legal": {"budgets": {"team-day": {"limit_usd": 5}, "per-key": {"limit_requests": 8}}}},
        "per_key": {"nightly": {"budgets": {"per-key": {"limit_requests": 2}}}},
    }
    settings = parse(SETTINGS | overrides | {"virtual_keys": {"file": "keys.yaml"}})
    keys = [{"name": name, "hash": f"sha256:{name[0] * 64}", "team": "t-1"} for name in ("bot", "dawn")]
    keys.append({"name": "nightly", "hash": f"sha256:{'a' * 64}"})
    filed = KeysFile.model_validate({"teams": [{"id": "t-1", "alias": "Legal"}], "keys": keys})
    for team, key, alias in (("t-1", "b" * 64, "bot"), (None, "a" * 64, "nightly")):
        who = Identity(key_id=key, key_alias=alias, team_id=team, team_alias=team and "Legal")
        await spend(ledger, settings, Ask(who, model_groups=("opus",)), usd(1))

    listed = settings.virtual_keys.with_file(filed)
    seen = await Overview(settings, ledger, lambda: listed).accounts(now_ms=NOW)
    told = {view.holder: [meter.limit for meter in view.meters if meter.limit is not None] for view in seen}
    assert told["team Legal"] == [5_000_000_000]
    assert told["key bot, model opus"] == [8]
    assert told["key nightly, model opus"] == [2]
