"""The table of a scorer and its controls, on rows whose every number can be worked out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from litellm_plugins.evaluation import routing, routing_controls, routing_rows
from litellm_plugins.evaluation.rows import BadRows
from litellm_plugins.routing.conversation import Conversation
from litellm_plugins.routing.outcomes import OutcomeRow, parse
from litellm_plugins.routing.scoring import Score


def row(prompt: str | None, weak: float | None, strong: float | None, **more: Any) -> OutcomeRow:
    outcomes = {name: value for name, value in (("w", weak), ("s", strong)) if value is not None}
    return parse({"id": "1", "prompt": prompt, "outcomes": outcomes, **more})


# Longer prompts need the strong model: length ranks them perfectly.
ROWS = [
    row("easy", 1, 1, cost={"w": 0.001, "s": 0.010}),
    row("easy too", 1, 1, cost={"w": 0.001, "s": 0.020}),
    row("a hard one", 0, 1, cost={"w": 0.003, "s": 0.030}),
    row("the hardest one", 0, 1, cost={"w": 0.003, "s": 0.060}),
]


class Told:
    """Scores by the table it is given."""

    name = "told"
    needs_embedding = False

    def __init__(self, scores: Mapping[str, float]) -> None:
        self._scores = scores

    def score(self, conversation: Conversation, embedding: object) -> Score:
        return Score(self._scores[conversation.question], ("told",))


async def table(judged: routing_rows.Judged, scores: Mapping[str, float]) -> dict[str, Any]:
    mine = await routing.judge(Told(scores), judged.prompts)
    return routing.report(judged, mine, [await routing.judge(one, judged.prompts) for one in routing_controls.RANKED])


async def test_a_scorer_stands_beside_its_controls() -> None:
    judged = routing_rows.select(ROWS, "w", "s")
    found = await table(judged, {"easy": 0.9, "easy too": 0.8, "a hard one": 0.2, "the hardest one": 0.1})
    assert (found["n"], found["weak_quality"], found["strong_quality"]) == (4, 0.5, 1.0)
    assert found["apgr"] == pytest.approx(0.25)
    assert (found["cpt50"], found["cpt80"]) == pytest.approx((0.75, 0.9))
    controls = found["controls"]
    assert controls["length"]["apgr"] == pytest.approx(0.75)
    assert (controls["random"]["apgr"], controls["random"]["cpt80"]) == (0.5, 0.8)
    assert (controls["always-weak"]["curve"][0]["quality"], controls["always-weak"]["cpt50"]) == (0.5, None)
    assert (controls["always-strong"]["curve"][0]["quality"], controls["always-strong"]["cpt50"]) == (1.0, 1.0)
    for control in ("length", "random"):
        low, high = found[f"apgr_minus_{control}_ci95"]
        assert low < high <= 0
    assert found["apgr_ci95"][0] <= 0.25 <= found["apgr_ci95"][1]


async def test_dollars_are_those_of_the_answers_that_are_bought() -> None:
    judged = routing_rows.select(ROWS, "w", "s")
    curve = (await table(judged, {each.prompt or "": len(each.prompt or "") for each in ROWS}))["curve"]
    assert curve[0]["usd_per_request"] == pytest.approx(0.002)
    assert curve[5]["usd_per_request"] == pytest.approx((0.001 + 0.001 + 0.030 + 0.060) / 4)
    assert curve[5]["quality"] == 1.0
    assert curve[10]["usd_per_request"] == pytest.approx(0.03)


async def test_without_costs_the_given_prices_stand_and_without_those_none() -> None:
    bare = routing_rows.select([row(each.prompt, each.outcomes["w"], each.outcomes["s"]) for each in ROWS], "w", "s")
    scores = {each.prompt or "": 0.5 for each in ROWS}
    assert (await table(bare, scores))["curve"][5]["usd_per_request"] is None
    given = routing_rows.priced(bare, (0.001, 0.011))
    assert (await table(given, scores))["curve"][5]["usd_per_request"] == pytest.approx(0.006)


def test_prices_of_the_rows_come_before_those_that_are_given() -> None:
    judged = routing_rows.select(ROWS, "w", "s")
    assert routing_rows.priced(judged, (9.0, 9.0)) is judged


def test_rows_without_a_prompt_or_an_outcome_are_counted_and_left_out() -> None:
    judged = routing_rows.select([*ROWS, row(None, 1, 1), row("half", 1, None), row("none", None, None)], "w", "s")
    assert len(judged.prompts) == 4
    assert judged.skipped == {"no_prompt": 1, "no_outcome": 2}


def test_a_file_that_knows_other_models_is_refused_with_those_it_knows() -> None:
    with pytest.raises(BadRows, match="there are s, w"):
        routing_rows.select(ROWS, "w", "gpt")


async def test_where_the_strong_model_is_no_better_there_is_no_gap_to_recover() -> None:
    judged = routing_rows.select([row("a", 1, 0), row("b", 1, 1)], "w", "s")
    with pytest.raises(BadRows, match="no gap"):
        await table(judged, {"a": 1, "b": 0})


async def test_a_fixed_tier_has_a_point_and_no_ranking() -> None:
    judged = routing_rows.select(ROWS, "w", "s")
    controls = [await routing.judge(one, judged.prompts) for one in routing_controls.RANKED]
    found = routing.report_fixed(judged, "always-weak", controls)
    assert (found["scorer"], found["n"], found["apgr"]) == ("always-weak", 4, None)
    assert found["curve"] == [{"share": 0.0, "quality": 0.5, "pgr": 0.0, "usd_per_request": 0.002}]


def test_nothing_that_is_scored_is_trained_on() -> None:
    question = "Which of these gases is most abundant in the atmosphere of the Earth?"
    pool = [
        row("  EASY! ", 0, 1),
        row(f"{question}\n(A) Neon\n(B) Argon", 0, 1),
        row("another", 0, 1),
        row("half", 1, None),
    ]
    labelled, dropped = routing_rows.for_training(pool, "w", "s", ["easy", f"{question}\nA. Nitrogen\nB. Oxygen"])
    assert ([each.prompt for each in labelled], dropped) == (["another"], 2)


def test_folds_part_the_rows_and_keep_equal_prompts_together() -> None:
    prompts = [f"question {number % 30}" for number in range(60)]
    folds = routing_rows.folded(prompts, 5)
    assert sorted(index for fold in folds for index in fold) == list(range(60))
    assert all(
        {prompts[index] for index in one}.isdisjoint({prompts[index] for index in other})
        for one in folds
        for other in folds
        if one is not other
    )
    assert folds == routing_rows.folded(prompts, 5)


def test_parts_are_joined_in_the_order_of_the_rows() -> None:
    first = routing.Scored("told", np.array([0.2, 0.0]), np.array([2.0, 1.0]))
    second = routing.Scored("told", np.array([0.1]), np.array([3.0]))
    found = routing.joined([([2, 0], first), ([1], second)])
    assert found.values.tolist() == [0.0, 0.1, 0.2]
    assert sorted(found.decision_ms.tolist()) == [1.0, 2.0, 3.0]


async def test_of_many_prompts_a_thousand_at_most_are_asked_thrice_for_their_time() -> None:
    class Counting(Told):
        asked = 0

        def score(self, conversation: Conversation, embedding: object) -> Score:
            self.asked += 1
            return super().score(conversation, embedding)

    prompts = [str(number) for number in range(2_001)]
    scorer = Counting({prompt: float(prompt) for prompt in prompts})
    found = await routing.judge(scorer, prompts, repeats=3)
    assert found.values.tolist() == [float(number) for number in range(2_001)]
    assert (len(found.decision_ms), scorer.asked) == (667, 2_001 + 2 * 667)
    few = await routing.judge(scorer, prompts[:10], repeats=3)
    assert len(few.decision_ms) == 10
