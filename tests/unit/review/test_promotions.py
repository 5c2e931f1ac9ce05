"""Before and after of what took over, out of the control sample."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.review.items import Item, Kind, Verdict, Why
from litellm_plugins.review.precision import wilson
from litellm_plugins.review.promotions import FEWEST, Changed, Promotion, before_after
from tests.unit.review.samples import NOW, item

UNTIL = NOW + 100_000
FIT, NEXT_FIT = NOW + 1_000, NOW + 2_000


def fit(at_s: float, *, of: str = "", labels: int = 100) -> Promotion:
    return Promotion(at_s, Changed.VERIFIER, of, {"labels": labels})


def hits(first: int, count: int, *, wrong: int = 0, judged: bool = True, **other: Any) -> list[Item]:
    """So many of the control sample by the verifier, a second apart, the wrong ones first."""
    shape: dict[str, Any] = {"kind": Kind.HIT, "layer": "semantic", "probability": 0.99, "promised": 0.01} | other
    said = [Verdict.WRONG] * wrong + [Verdict.RIGHT] * (count - wrong)
    return [
        item(first + number, why=Why.CONTROL, verdict=each if judged else None, **shape)
        for number, each in enumerate(said)
    ]


def misses(first: int, count: int) -> list[Item]:
    return hits(first, count, judged=False, kind=Kind.ANSWER, layer="miss", probability=None)


def told(sample: list[Item], *promotions: Promotion, since_s: float = NOW) -> dict[str, Any]:
    return before_after(sample, promotions, since_s=since_s, now_s=UNTIL, word_of=lambda tenant: f"word of {tenant}")


def verifier(sample: list[Item], *promotions: Promotion) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = told(sample, *promotions)["verifier"]
    return rows


def test_where_nothing_took_over_there_is_nothing_to_compare() -> None:
    assert told(hits(0, 100)) == {"fewest": FEWEST, "verifier": [], "router": []}


@pytest.mark.parametrize(
    ("wrong_before", "wrong_after", "state"), [(60, 4, "better"), (4, 60, "worse"), (10, 9, "not_shown")]
)
def test_precision_before_and_after_with_its_interval_and_what_the_difference_shows(
    wrong_before: int, wrong_after: int, state: str
) -> None:
    [row] = verifier([*hits(0, 200, wrong=wrong_before), *hits(1_000, 200, wrong=wrong_after)], fit(FIT))
    before, after, difference = row["before"], row["after"], row["difference"]
    for side, wrong in ((before, wrong_before), (after, wrong_after)):
        assert (side["judged"], side["right"], side["too_few"]) == (200, pytest.approx(1 - wrong / 200), False)
        assert (side["low"], side["high"]) == pytest.approx(wilson(1 - wrong / 200, 200))
    assert row["state"] == state
    assert difference["right"] == pytest.approx((wrong_before - wrong_after) / 200)
    assert difference["low"] < difference["right"] < difference["high"]
    assert (before["from_s"], before["until_s"], after["from_s"], after["until_s"]) == (NOW, FIT, FIT, UNTIL)
    assert (row["at_s"], row["of"], row["labels"]) == (FIT, "everybody", 100)


def test_the_difference_s_interval_is_newcombe_s() -> None:
    """His own example: 56 of 70 against 48 of 80, by method 10 (1998, table II, column a): 0.0524 to 0.3339."""
    [row] = verifier([*hits(0, 80, wrong=32), *hits(1_000, 70, wrong=14)], fit(FIT))
    assert (row["difference"]["low"], row["difference"]["high"]) == pytest.approx((0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize("judged", [0, 1, FEWEST - 1])
def test_of_few_verdicts_it_says_too_few_and_no_number(judged: int) -> None:
    few = [*hits(1_000, judged), *hits(1_500, 100, judged=False)]
    [row] = verifier([*hits(0, 100, wrong=50), *few], fit(FIT))
    assert (row["state"], row["difference"]) == ("too_few", None)
    assert (row["after"]["judged"], row["after"]["sampled"], row["after"]["too_few"]) == (judged, judged + 100, True)
    assert row["after"]["right"] is row["after"]["low"] is row["after"]["high"] is None
    assert row["before"]["right"] == pytest.approx(0.5)


def test_enough_verdicts_are_enough() -> None:
    [row] = verifier([*hits(0, FEWEST), *hits(1_000, FEWEST)], fit(FIT))
    assert (row["state"], row["after"]["right"]) == ("not_shown", 1.0)


def test_a_stretch_ends_where_the_next_one_begins_and_the_newest_stands_first() -> None:
    sample = [*hits(0, 40, wrong=40), *hits(1_000, 50, wrong=25), *hits(2_000, 60)]
    second, first = verifier(sample, fit(NEXT_FIT, labels=125), fit(FIT))
    assert [(row["labels"], row["before"]["right"], row["after"]["right"]) for row in (first, second)] == [
        (100, 0.0, 0.5),
        (125, 0.5, 1.0),
    ]
    assert first["after"] == second["before"]


def test_what_took_over_before_the_window_is_no_row_and_bounds_nothing() -> None:
    [row] = verifier(hits(0, 200), fit(NOW - 500), fit(FIT, labels=125))
    assert (row["labels"], row["before"]["from_s"], row["before"]["judged"]) == (125, NOW, 200)


def test_a_promotion_that_two_workers_told_counts_once() -> None:
    [row] = verifier([*hits(0, 40), *hits(1_000, 40)], fit(FIT), fit(FIT + 1))
    assert row["at_s"] == FIT


def test_hits_that_the_verifier_did_not_decide_say_nothing_of_it() -> None:
    wrong: dict[str, Any] = {"count": 50, "wrong": 50}
    others = [
        *hits(300, **wrong, layer="exact"),
        *hits(400, **wrong, probability=None),  # the same words
        *hits(500, **wrong, promised=None),  # of a fixed threshold
    ]
    [row] = verifier([*hits(0, 40), *others, *hits(1_000, 40)], fit(FIT))
    assert (row["before"]["judged"], row["before"]["right"]) == (40, 1.0)


def test_the_hit_rate_is_of_what_was_looked_up_in_the_sample() -> None:
    bypassed = hits(600, 100, judged=False, kind=Kind.ANSWER, layer="bypass", probability=None)
    sample = [*hits(0, 30), *misses(100, 60), *hits(400, 10, layer="exact"), *bypassed, *hits(1_000, 5)]
    [row] = verifier(sample, fit(FIT))
    before, after = row["before"], row["after"]
    assert (before["looked_up"], before["hit_rate"]) == (100, pytest.approx(0.3))
    assert (before["hit_rate_low"], before["hit_rate_high"]) == pytest.approx(wilson(0.3, 100))
    assert (after["looked_up"], after["hit_rate"], after["hit_rate_low"]) == (5, None, None)


def test_a_tenant_counts_for_everybody_s_verifier_until_it_has_its_own() -> None:
    ours: dict[str, Any] = {"tenant": "team:a"}
    sample = [
        *hits(0, 40),
        *hits(100, 40, wrong=40, **ours),
        *hits(1_000, 40),
        *hits(1_100, 50, wrong=50, **ours),
    ]
    own, common = sorted(
        verifier(sample, fit(FIT), fit(FIT + 50, of="word of team:a", labels=1_500)), key=lambda row: -row["labels"]
    )
    assert (common["of"], own["of"]) == ("everybody", "team:a")
    assert (common["before"]["judged"], common["after"]["judged"]) == (80, 40)
    assert (own["before"]["judged"], own["after"]["judged"], own["after"]["right"]) == (40, 50, 0.0)


def test_another_tenant_s_own_verifier_is_not_told_to_who_sees_none_of_its_sample() -> None:
    assert verifier(hits(0, 40), fit(FIT, of="word of team:other")) == []


def test_a_router_that_took_over_by_tier() -> None:
    def routed(first: int, count: int, tier: str, **other: Any) -> list[Item]:
        at: dict[str, Any] = {"kind": Kind.ROUTE, "layer": "miss", "tier": tier, "route": f"auto/{tier}"}
        return hits(first, count, **(at | {"probability": None} | other))

    took = Promotion(FIT, Changed.ROUTER, "auto", {"scorer": "adapted", "artefact": "1f"})
    sample = [
        *routed(0, 60, "cheap", wrong=30),
        *routed(100, 40, "dear"),
        *routed(1_000, 80, "cheap", wrong=8),
        *routed(1_100, 20, "dear"),
        *routed(1_200, 90, "cheap", wrong=90, route="another/cheap"),
        *hits(1_300, 90, wrong=90),
    ]
    [row] = told(sample, took)["router"]
    assert (row["of"], row["scorer"], row["state"]) == ("auto", "adapted", "better")
    assert (row["before"]["right"], row["after"]["right"]) == (pytest.approx(0.7), pytest.approx(0.92))
    cheap, dear = row["after"]["by_tier"]
    assert (cheap["name"], cheap["right"], cheap["share"]) == ("cheap", pytest.approx(0.9), pytest.approx(0.8))
    assert (dear["name"], dear["judged"], dear["right"], dear["too_few"]) == ("dear", 20, None, True)
