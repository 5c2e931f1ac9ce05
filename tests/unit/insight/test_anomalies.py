"""Synthetic weeks, quiet and with a cause planted: what is told of them. Rates over many seeds: docs/costs.md."""

from __future__ import annotations

from dataclasses import replace

import pytest

from litellm_plugins.insight.anomalies import Finding, foremost
from litellm_plugins.insight.anomalies_bursts import dear_request, retry_storm, user_day
from litellm_plugins.insight.history import EVERYTHING, Point
from litellm_plugins.settings.insight import Anomalies
from tests.support.replayed_weeks import planted, told
from tests.support.synthetic_weeks import MONDAY, dear_call

SEED = 5
HOUR = MONDAY + 24 * 21
ONE_OF_EACH_KIND = (
    "a dearer model for the agent",
    "prompts that grow by 10% a day",
    "half of the hits gone",
    "a client that fails and retries",
    "a provider that wants three tries",
    "a user who spends too much",
    "one request of five dollars",
)


@pytest.mark.parametrize("name", ONE_OF_EACH_KIND)
def test_a_cause_that_is_planted_is_told_and_nothing_before(name: str) -> None:
    kind, plant, calls, settings = planted()[name]
    watched_h = 24 * 5 if kind == "prompt_tokens" else 48
    every_h = 6 if kind == "prompt_tokens" else 1
    found = told(SEED, plant, watched_h=watched_h, first_h=30, every_h=every_h, calls=calls, settings=settings)
    of_kind = [(hour, each) for hour, each in found if each.kind == kind]
    assert of_kind, found
    assert all(hour >= 33 for hour, _ in found), found
    if kind != "user_day":
        assert len({each.key for _, each in of_kind}) <= 2


def test_a_quiet_week_has_one_false_alarm_at_most() -> None:
    assert len(told(SEED, every_h=3)) <= 1


def test_of_one_cause_seen_in_many_places_the_narrowest_is_told() -> None:
    def found(name: str, word: str, weight: float) -> Finding:
        return Finding("cost_per_request", (name, word), 1, 4, 100, 2.0, 1.0, weight)

    faq, team, everything = found("feature", "faq", 95), found("team", "sales", 60), found(*EVERYTHING, 100)
    support = replace(found("team", "support", 99), requests=300)
    assert foremost([everything, team, support, faq]) == faq
    assert foremost([everything, team]) == everything  # the team alone does not explain it
    assert foremost([]) is None


def test_a_storm_that_grows_while_it_is_read_is_still_its_callers() -> None:
    def failing(subject: tuple[str, str], requests: int) -> Finding:
        return Finding("retry_storm", subject, 0, 1, requests, requests, weight=requests, cause="failures")

    model, caller, colleague = failing(("model_group", "m"), 10), failing(("key", "ci"), 12), failing(("key", "x"), 60)
    assert foremost([model, caller]) == caller  # the callers are read last
    assert foremost([model, colleague]) == colleague  # who alone explains nearly all of it
    assert foremost([failing(("model_group", "m"), 50), colleague]) == colleague
    assert foremost([replace(colleague, weight=10.0), model]) == model  # a caller of much else


def test_a_mark_that_is_null_is_not_looked_at() -> None:
    off = Anomalies(retries=None, dear_request_usd=None)
    storm = {("key", "k"): {HOUR: Point(requests=100, failed=100)}}
    assert list(retry_storm(storm, [HOUR], off)) == []
    assert [each.cause for each in retry_storm(storm, [HOUR], Anomalies())] == ["failures"]
    assert list(dear_request([dear_call(0, 5.0)], {}, HOUR, off)) == []
    assert list(user_day({("user", "u"): (10**12, 5)}, HOUR, off)) == []


def test_a_caller_that_always_fails_as_much_is_no_storm() -> None:
    always = {("key", "k"): {hour: Point(requests=100, failed=80) for hour in range(HOUR - 48, HOUR + 1)}}
    assert list(retry_storm(always, [HOUR], Anomalies())) == []


def test_a_dear_request_is_one_that_is_far_from_usual_where_that_is_known() -> None:
    usual = {("model_group", "large"): {hour: Point(paid=10, spent=10 * 10**9) for hour in range(HOUR - 48, HOUR)}}
    assert list(dear_request([dear_call(0, 5.0)], usual, HOUR, Anomalies())) == []  # a dollar each is usual there
    (found,) = dear_request([dear_call(0, 25.0)], usual, HOUR, Anomalies())
    assert (found.subject, found.usual) == (("user", "support-user-0"), 10**9)
    assert list(dear_request([dear_call(0, 0.99)], {}, HOUR, Anomalies())) == []
