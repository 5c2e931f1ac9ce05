"""Which accounts get gauges: a bounded number, and none that goes missing."""

from __future__ import annotations

from dataclasses import replace

from litellm_plugins.budgets.amounts import METRICS
from litellm_plugins.budgets.ledger import Span
from litellm_plugins.budgets.overview import AccountView, Meter
from litellm_plugins.budgets.overview_shown import (
    EVERYBODY,
    FROM_METADATA,
    SOME_END_USER,
    VANISHES_AFTER_MS,
    Gone,
    Shown,
    label_of,
)
from litellm_plugins.settings.budgets import Budget


def view(account: str, spent: int, holder: str = "") -> AccountView:
    meters = tuple(Meter(metric, 100, spent if metric == "tokens" else 0, 0, 0) for metric in METRICS)
    known = Budget(name=account.partition("/")[0], limit_usd=1)  # type: ignore[arg-type]
    return AccountView(account, holder, Span(0, 9), meters, known)


def teams(*spent: int) -> list[AccountView]:
    return [view(f"day/team={number}", each, f"team {number}") for number, each in enumerate(spent)]


def holders(shown: Shown, views: list[AccountView]) -> list[str]:
    return [holder for holder, _ in shown.chosen(views)]


def test_the_fullest_of_each_budget_are_shown() -> None:
    views = [*teams(1, 9, 5), view("company", 0)]
    assert sorted(holders(Shown(2), views)) == [EVERYBODY, "team 1", "team 2"]
    assert holders(Shown(0), views) == []


def test_who_was_shown_once_stays_and_new_ones_come_until_there_are_five_times_as_many() -> None:
    shown = Shown(1)
    for fullest in range(9):
        found = holders(shown, teams(*(99 if number == fullest else number for number in range(9))))
        assert len(found) == min(fullest + 1, 5)
        assert f"team {min(fullest, 4)}" in found


def test_those_whose_window_is_over_are_named_so_that_they_can_be_zero() -> None:
    shown = Shown(3)
    shown.chosen(teams(1, 2))
    told = shown.chosen(teams(1))
    assert shown.gone(told, now_ms=5) == Gone((("team 1", "day/team=1"),), ())


def test_who_stays_away_for_a_day_vanishes_and_makes_room_for_others() -> None:
    shown = Shown(1)
    for fullest in range(5):
        shown.chosen(teams(*(99 if number == fullest else number for number in range(5))))
    assert holders(shown, [view("day/team=new", 9, "new")]) == []
    assert len(shown.gone([], now_ms=7).empty) == 5
    back = shown.chosen(teams(1))
    assert len(shown.gone(back, now_ms=8 + VANISHES_AFTER_MS // 2).empty) == 4
    gone = shown.gone([], now_ms=7 + VANISHES_AFTER_MS)
    assert gone.vanished == tuple(("day", f"team {number}") for number in range(1, 5))
    assert gone.empty == (("team 0", "day/team=0"),)
    assert shown.gone([], now_ms=8 + VANISHES_AFTER_MS).vanished == ()
    assert holders(shown, [view("day/team=new", 9, "new")]) == ["new"]


def test_what_holds_for_everybody_stays_while_nobody_asks() -> None:
    shown = Shown(1)
    shown.chosen([view("company", 1)])
    for at in range(3):
        assert shown.gone([], now_ms=at * VANISHES_AFTER_MS) == Gone(((EVERYBODY, "company"),), ())


def test_an_end_user_is_named_only_if_the_settings_say_so() -> None:
    views = [view(f"day/end_user=mia{number}", number, f"end user mia{number}") for number in range(5)]
    (told,) = Shown(3).chosen(views)
    assert (told[0], told[1].account) == (SOME_END_USER, "day/end_user=mia4")
    assert holders(Shown(2, end_users=True), views) == ["end user mia4", "end user mia3"]


def test_budgets_that_metadata_names_are_one_label_and_their_number_is_bounded() -> None:
    views = [replace(view(f"mine-{n}/key=k{n % 50}", n, f"key k{n % 50}"), budget=None) for n in range(1_000)]
    told = Shown(3).chosen([*views, view("company", 1)])
    assert {label_of(each) for _, each in told} == {FROM_METADATA, "company"}
    assert [holder for holder, _ in told] == ["key k49", "key k48", "key k47", EVERYBODY]
    assert told[0][1].account == "mine-999/key=k49"
