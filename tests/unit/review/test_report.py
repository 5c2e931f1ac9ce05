"""What the report says of promises, tiers and judges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from litellm_plugins.review.items import Item, Kind, Verdict, Why
from litellm_plugins.review.report import report
from tests.unit.review.samples import item


def served(first: int, count: int, *, wrong: int = 0, hit: bool = True, **other: Any) -> list[Item]:
    """So many of the control sample, all judged."""
    verdicts = [Verdict.WRONG] * wrong + [Verdict.RIGHT] * (count - wrong)
    shape = {"kind": Kind.HIT, "layer": "semantic"} if hit else {"kind": Kind.ANSWER, "layer": "miss"}
    return [
        item(first + number, why=Why.CONTROL, verdict=verdict, **shape, **other)
        for number, verdict in enumerate(verdicts)
    ]


def promises(sample: list[Item], *rates: float) -> list[dict[str, Any]]:
    told = report(sample, sample, compare=lambda *_: None, promised=rates)["promises"]
    assert [each["promised"] for each in told] == list(rates)
    return list(told)


def test_a_promise_is_held_against_those_it_is_made_to_alone() -> None:
    strict = [*served(0, 50, wrong=20, promised=0.01), *served(100, 50, hit=False, promised=0.01)]
    easy = served(1_000, 5_000, promised=0.05)
    nobody_s = served(10_000, 5_000, promised=None)

    broken, kept = promises([*strict, *easy, *nobody_s], 0.01, 0.05)
    assert (broken["state"], kept["state"]) == ("broken", "kept")
    assert broken["errors"] == pytest.approx(0.2)  # 40 % of the hits, which are half of the requests


def test_a_promise_that_few_verdicts_speak_of_is_open_and_of_none_unknown() -> None:
    few = served(0, 5, promised=0.01)
    assert [each["state"] for each in promises(few, 0.01, 0.02)] == ["open", "unknown"]


def test_what_was_not_looked_up_counts_for_no_promise() -> None:
    off = served(500, 100, hit=False, promised=0.01)
    bypassed = [item(900 + n, why=Why.CONTROL, kind=Kind.ANSWER, layer="bypass", promised=0.01) for n in range(100)]
    [told] = promises([*served(0, 100, wrong=10, promised=0.01), *off, *bypassed], 0.01)
    assert told["errors"] == pytest.approx(0.05)


def test_a_tier_is_held_against_the_others_and_an_arm_against_its_control() -> None:
    asked: list[tuple[int, int, int, int]] = []

    def compare(*given: int) -> dict[str, Any]:
        asked.append(given)  # type: ignore[arg-type]  # four
        return {}

    cheap = served(0, 10, wrong=4, hit=False, tier="cheap", arm="trial:b")
    dear = served(20, 10, wrong=1, hit=False, tier="dear", arm="trial:control")
    other = served(40, 10, wrong=0, hit=False, tier="dear", arm="another:b")
    told = report([*cheap, *dear, *other], [], compare=compare)["quality"]

    assert [(row["name"], row["judged"]) for row in told["by_tier"]] == [("cheap", 10), ("dear", 20)]
    assert asked[:2] == [(6, 10, 19, 20), (19, 20, 6, 10)]
    assert {row["name"]: row["test"] for row in told["by_arm"]} == {
        "trial:b": {}, "trial:control": None, "another:b": None,
    }  # fmt: skip
    assert asked[2:] == [(6, 10, 9, 10)]


def test_a_tier_that_more_was_complained_of_is_not_taken_for_worse_by_that_alone() -> None:
    """What is pointed at is judged first: of the cheap tier all ten, and ten of the ninety others."""
    asked: list[tuple[int, ...]] = []
    pointed = [replace(each, control=True) for each in _complained(0, 10)]
    others = served(100, 90, hit=False, tier="cheap")
    unjudged = [replace(each, state=replace(each.state, verdict=None)) for each in others[10:]]
    dear = served(300, 20, wrong=2, hit=False, tier="dear")
    told = report([*pointed, *others[:10], *unjudged, *dear], [], compare=lambda *g: asked.append(g))["quality"]

    assert told["by_tier"][0]["right"] == pytest.approx(0.9)
    right, of, *_ = asked[0]
    assert right / of == pytest.approx(0.9, abs=0.03)  # not 10 of 20


def _complained(first: int, count: int) -> list[Item]:
    verdict = {"verdict": Verdict.WRONG, "kind": Kind.ROUTE, "layer": "miss", "tier": "cheap"}
    return [item(first + number, why=Why.COMPLAINT, **verdict) for number in range(count)]  # type: ignore[arg-type]


def test_a_verdict_that_the_sample_took_over_counts_once() -> None:
    given, copy = item(1, verdict=Verdict.WRONG), item(2, verdict=Verdict.WRONG)
    judged = [given, replace(copy, state=replace(copy.state, taken=True))]
    told = report([], judged, compare=lambda *_: None)["verdicts"]
    assert (told["count"], told["taken_over"]) == (1, 1)
