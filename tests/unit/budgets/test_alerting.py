"""What is worth telling, and in which words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from litellm_plugins.alerts.message import body
from litellm_plugins.budgets.alerting import Notice, no_room, notices
from litellm_plugins.budgets.alerting_words import message, text
from litellm_plugins.budgets.amounts import METRICS
from litellm_plugins.budgets.forecast import Forecast
from litellm_plugins.budgets.ledger import Span
from litellm_plugins.budgets.overview import AccountView, Meter
from litellm_plugins.settings.alerts import Alerts
from litellm_plugins.settings.budgets import Budget

NOW = 1_800_000_000_000
DAY = Span(NOW - 43_200_000, NOW + 43_200_000)
BUDGET = Budget.model_validate({"name": "team-day", "scope": "team", "limit_usd": 50, "soft": [0.5, 0.8]})


def view(spent: float, *, limit: float = 50, span: Span = DAY, forecast: Forecast | None = None) -> AccountView:
    dollars = Meter("nano_usd", int(limit * 1e9), int(spent * 1e9), 10**9, 0, forecast)
    others = tuple(Meter(metric, None, 7, 0, 0) for metric in METRICS[1:])
    return AccountView("team-day/team=support", "team support", span, (dollars, *others), BUDGET)


def marks(seen: AccountView, **settings: Any) -> list[float | None]:
    return [each.mark for each in notices(seen, Alerts(**settings), now_ms=NOW) if each.kind == "mark"]


def one(kind: str, seen: AccountView) -> Notice:
    (found,) = [each for each in notices(seen, Alerts(), now_ms=NOW) if each.kind == kind]
    return found


def test_each_soft_mark_and_the_limit_is_told_once_what_was_spent_has_reached_it() -> None:
    assert marks(view(24.999)) == []  # what is only reserved counts for nothing
    assert marks(view(25)) == [0.5]
    assert marks(view(49)) == [0.5, 0.8]
    assert marks(view(50)) == [0.5, 0.8, 1.0]
    assert marks(view(30), marks=[0.6, 0.9]) == [0.6]
    assert marks(view(30), marks=[]) == []
    assert marks(view(0, limit=0)) == [0.5, 0.8, 1.0]


def test_an_account_whose_budget_is_not_known_is_none_of_ours() -> None:
    assert list(notices(replace(view(99), budget=None), Alerts(), now_ms=NOW)) == []


def test_a_key_stands_for_the_mark_and_the_window_whatever_was_spent_by_then() -> None:
    first, more = notices(view(45), Alerts(), now_ms=NOW), notices(view(46), Alerts(), now_ms=NOW + 9)
    keys = [(each.key, each.id) for each in first]
    assert keys == [(each.key, each.id) for each in more]
    assert len(set(keys)) == 2
    tomorrow = view(45, span=Span(DAY.end_ms, DAY.end_ms + 86_400_000))
    assert not {key for key, _ in keys} & {each.key for each in notices(tomorrow, Alerts(), now_ms=NOW)}


def test_a_rolling_windows_mark_is_told_again_one_length_later_at_the_earliest() -> None:
    found = one("mark", view(30, span=Span(NOW - 1_000, NOW, rolling=True)))
    assert found.until_ms == NOW + 1_000
    later = replace(found, at_ms=NOW + 5)
    assert (later.key == found.key, later.id == found.id) == (True, False)


def test_a_forecast_is_told_only_where_it_is_as_good_as_sure() -> None:
    perhaps = Forecast("reached_at", NOW + 5_000, NOW + 4_000, None)
    assert [each.kind for each in notices(view(1, forecast=perhaps), Alerts(), now_ms=NOW)] == []
    sure = replace(perhaps, latest_ms=NOW + 6_000)
    found = one("forecast", view(1, forecast=sure))
    assert found.reached_ms == NOW + 5_000
    assert "at this rate the limit of $50.00 is reached at 2027-01-15T08:00:05Z" in text(found)
    assert list(notices(view(1, forecast=sure), Alerts(forecast=False), now_ms=NOW)) == []


def test_the_generic_shape_has_numbers_and_the_attempt() -> None:
    told = json.loads(body(message(one("mark", view(25))).payload, "generic", attempt=1))
    assert told["type"] == "budget.mark"
    assert (told["budget"], told["account"], told["holder"]) == ("team-day", "team-day/team=support", "team support")
    assert (told["metric"], told["mark"], told["limit"], told["spent"], told["reserved"]) == ("usd", 0.5, 50, 25, 1)
    assert told["window"] == {"start": "2027-01-14T20:00:00Z", "end": "2027-01-15T20:00:00Z", "rolling": False}
    assert told["text"] == (
        "Budget team-day (team support): 50% of the limit are spent, $25.00 of $50.00 until 2027-01-15T20:00:00Z."
    )
    assert (told["attempt"], len(told["id"])) == (1, 32)
    assert "reached_at" not in told


def test_slack_gets_a_sentence_in_which_no_name_can_call_a_channel() -> None:
    kept = message(replace(one("mark", view(25)), holder="team <!channel> & co")).payload
    told = json.loads(body(kept, "slack", attempt=1))
    assert list(told) == ["text"]
    assert "(team &lt;!channel&gt; &amp; co)" in told["text"]
    assert "sent again" not in told["text"]
    assert f"(sent again, id {json.loads(kept)['id']})" in json.loads(body(kept, "slack", attempt=2))["text"]


def test_no_room_says_what_is_reserved_and_small_sums_are_not_nothing() -> None:
    said = text(no_room(view(0.000_123, limit=0.001), "nano_usd", now_ms=NOW))
    assert "$0.000123 of $0.001000 are spent and $1.00 reserved" in said
