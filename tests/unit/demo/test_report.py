"""The arithmetic, and when a run counts as good."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from litellm_plugins.demo.judging import judge
from litellm_plugins.demo.prices import Price
from litellm_plugins.demo.questions import Question
from litellm_plugins.demo.report import Report, add_up, as_json, percentile, shortcomings, usd
from litellm_plugins.demo.traffic import Outcome
from litellm_plugins.model import Layer

ARRIVAL = Question("When does my card arrive?", "card_arrival")
ARRIVAL_AGAIN = Question("When will my card be here?", "card_arrival")
PIN = Question("How do I change my PIN?", "change_pin")
PRICE = Price(prompt=Decimal(2_000), completion=Decimal(8_000))  # nano-dollars a token
TOKENS = {"prompt_tokens": 50, "completion_tokens": 100}
COST = 900_000  # of TOKENS at PRICE


def report_on(outcomes: list[Outcome], provider_calls: int = 0) -> Report:
    return add_up(outcomes, judge(outcomes), PRICE, provider_calls=provider_calls)


@pytest.fixture
def good_run(outcome: Any) -> list[Outcome]:
    """A miss, an exact and a semantic hit, and a streamed miss, whose response tells no cost."""
    hit = {"cost_nano_usd": 0, "saved_nano_usd": COST, **TOKENS}
    return [
        outcome(ARRIVAL, Layer.MISS, cost_nano_usd=COST, **TOKENS),
        outcome(ARRIVAL, Layer.EXACT, similarity=1.0, cache_id="a", **hit),
        outcome(ARRIVAL_AGAIN, Layer.SEMANTIC, answer_for=ARRIVAL, similarity=0.95, cache_id="a", **hit),
        outcome(PIN, Layer.MISS, team="mobile", stream=True, **TOKENS),
    ]


def test_dollars_without_the_pack_are_what_was_paid_and_what_hits_saved(good_run: list[Outcome]) -> None:
    bill = report_on(good_run).bill
    assert bill.paid_nano_usd == 2 * COST
    assert bill.without_nano_usd == 4 * COST
    assert bill.saved_share == 0.5


def test_a_stream_that_tells_no_cost_is_priced_by_the_list(outcome: Any) -> None:
    report = report_on([outcome(ARRIVAL, Layer.MISS, stream=True, **TOKENS)])
    assert report.bill.paid_nano_usd == COST


def test_a_hit_that_tells_no_cost_costs_nothing(outcome: Any) -> None:
    hit = outcome(ARRIVAL, Layer.EXACT, stream=True, saved_nano_usd=COST, **TOKENS)
    bill = report_on([outcome(ARRIVAL, Layer.MISS, **TOKENS), hit]).bill
    assert (bill.paid_nano_usd, bill.without_nano_usd) == (COST, 2 * COST)


def test_a_hit_that_was_charged_for_counts_as_paid(outcome: Any, good_run: list[Outcome]) -> None:
    """A cost header that does not agree with the hit must show in the bill."""
    charged = [*good_run, outcome(ARRIVAL, Layer.EXACT, cost_nano_usd=COST, saved_nano_usd=COST, **TOKENS)]
    assert report_on(charged).bill.paid_nano_usd == 3 * COST


def test_tokens_of_misses_are_bought_and_tokens_of_hits_are_saved(good_run: list[Outcome]) -> None:
    report = report_on(good_run)
    assert (report.tokens_bought, report.tokens_saved) == (300, 300)


def test_each_request_is_counted_in_one_layer(good_run: list[Outcome]) -> None:
    report = report_on(good_run)
    assert {each.layer: each.requests for each in report.layers} == {
        "exact": 1,
        "semantic": 1,
        "coalesced": 0,
        "miss": 2,
        "bypass": 0,
        "off": 0,
    }
    assert report.requests == 4


def test_wrong_hits_are_counted_by_layer_and_by_team(outcome: Any, good_run: list[Outcome]) -> None:
    report = report_on([*good_run, outcome(PIN, Layer.SEMANTIC, answer_for=ARRIVAL, **TOKENS)])
    assert report.layer(Layer.SEMANTIC).wrong == 1
    assert report.layer(Layer.EXACT).wrong == 0
    assert report.wrong == 1
    assert [team.wrong for team in report.teams] == [1, 0, 0]


def test_the_teams_bills_add_up_to_the_whole_bill(good_run: list[Outcome]) -> None:
    report = report_on(good_run)
    assert sum(team.bill.paid_nano_usd for team in report.teams) == report.bill.paid_nano_usd
    assert sum(team.bill.without_nano_usd for team in report.teams) == report.bill.without_nano_usd
    assert sum(team.requests for team in report.teams) == report.requests


def test_latency_is_told_by_layer_to_the_last_byte(outcome: Any) -> None:
    took_s = [0.001 * number for number in range(1, 101)]
    outcomes = [outcome(ARRIVAL, Layer.MISS, started_s=0.0, ended_s=ended_s) for ended_s in took_s]
    misses = report_on(outcomes).layer(Layer.MISS)
    assert misses.p50_ms == pytest.approx(50)
    assert misses.p95_ms == pytest.approx(95)


def test_a_layer_without_requests_has_no_latency(good_run: list[Outcome]) -> None:
    assert report_on(good_run).layer(Layer.BYPASS).p50_ms is None


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([7.0], 0.95, 7.0), ([3.0, 1.0, 2.0], 0.5, 2.0), ([1.0, 2.0], 0.5, 1.0), ([1.0, 2.0], 0.95, 2.0), ([], 0.5, None)],
)
def test_a_percentile_is_a_value_that_occurred(values: list[float], share: float, expected: float | None) -> None:
    assert percentile(values, share) == expected


def test_a_run_with_every_layer_and_no_mishap_is_good(good_run: list[Outcome]) -> None:
    assert shortcomings(report_on(good_run)) == []


def test_wrong_hits_do_not_fail_a_run_they_are_what_it_measures(outcome: Any, good_run: list[Outcome]) -> None:
    assert shortcomings(report_on([*good_run, outcome(PIN, Layer.SEMANTIC, answer_for=ARRIVAL)])) == []


def test_an_error_fails_the_run_and_is_quoted(outcome: Any, good_run: list[Outcome]) -> None:
    (problem,) = shortcomings(report_on([*good_run, outcome(PIN, None, error="APITimeoutError: slow")]))
    assert "1 requests failed" in problem
    assert "APITimeoutError: slow" in problem


def test_a_stray_answer_fails_the_run(outcome: Any, good_run: list[Outcome]) -> None:
    (problem,) = shortcomings(report_on([*good_run, outcome(PIN, Layer.MISS, answer_for=ARRIVAL)]))
    assert PIN.text in problem


def test_an_answer_that_crossed_fails_the_run_unless_the_config_shares_answers(
    outcome: Any, good_run: list[Outcome]
) -> None:
    report = report_on([*good_run, outcome(ARRIVAL, Layer.EXACT, team="branches")])
    assert report.crossed == 1
    assert "crossed" in shortcomings(report)[0]
    assert shortcomings(report, shared_by_config=True) == []


@pytest.mark.parametrize("missing", [Layer.EXACT, Layer.SEMANTIC])
def test_a_layer_that_never_answered_fails_the_run(good_run: list[Outcome], missing: Layer) -> None:
    (problem,) = shortcomings(report_on([each for each in good_run if each.layer != missing]))
    assert f"as {missing}" in problem


def test_answers_priced_unlike_the_list_are_counted(outcome: Any, good_run: list[Outcome]) -> None:
    odd = outcome(PIN, Layer.MISS, cost_nano_usd=COST + 1, **TOKENS)
    assert report_on(good_run).unlike_price_list == 0
    assert report_on([*good_run, odd]).unlike_price_list == 1


def test_examples_are_semantic_hits_wrong_ones_first_then_the_least_alike_and_none_twice(outcome: Any) -> None:
    def semantic(question: Question, answer_for: Question, similarity: float) -> Outcome:
        made: Outcome = outcome(question, Layer.SEMANTIC, answer_for=answer_for, similarity=similarity)
        return made

    outcomes = [
        outcome(ARRIVAL, Layer.MISS),
        outcome(ARRIVAL, Layer.EXACT),
        semantic(ARRIVAL_AGAIN, ARRIVAL, 0.93),
        semantic(ARRIVAL_AGAIN, ARRIVAL, 0.93),
        semantic(PIN, ARRIVAL, 0.99),
        semantic(ARRIVAL, ARRIVAL_AGAIN, 0.92),
        semantic(PIN, PIN, 0.97),
    ]
    shown = report_on(outcomes).examples
    assert [(each.wrong, each.similarity) for each in shown] == [(True, 0.99), (False, 0.92), (False, 0.93)]
    assert (shown[0].asked, shown[0].written_for) == (PIN.text, ARRIVAL.text)


def test_as_json_is_plain_and_gives_money_in_dollars(good_run: list[Outcome]) -> None:
    plain = json.loads(json.dumps(as_json(report_on(good_run, provider_calls=2))))
    assert plain["usd_without_pack"] == "0.003600"
    assert plain["usd_with_pack"] == "0.001800"
    assert plain["saved_share"] == 0.5
    assert plain["provider_calls"] == 2
    assert plain["teams"][0]["usd_with_pack"] == "0.000900"
    assert plain["layers"][0] == {
        "layer": "exact",
        "requests": 1,
        "wrong": 0,
        "tokens": 150,
        "p50_ms": 500.0,
        "p95_ms": 500.0,
    }


def test_nothing_asked_is_no_division_by_zero() -> None:
    report = report_on([])
    assert report.bill.saved_share == 0
    assert len(shortcomings(report)) == 3


@pytest.mark.parametrize(("nano", "shown"), [(1_234_567, "0.001235"), (0, "0.000000"), (2_000_000_000, "2.000000")])
def test_dollars_are_written_to_the_millionth(nano: int, shown: str) -> None:
    assert usd(nano) == shown


def test_a_report_does_not_depend_on_the_order_of_the_outcomes(good_run: list[Outcome]) -> None:
    assert replace(report_on(good_run)) == report_on(good_run[::-1])
