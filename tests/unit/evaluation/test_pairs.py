"""How well labelled pairs are told apart: the figures, on cases that can be reckoned by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litellm_plugins.cache.verifier.features import NAMES
from litellm_plugins.evaluation.pairs import (
    Pair,
    area_under_roc,
    average_precision,
    by_cosine,
    by_rule,
    fitted,
    hits_at,
    report,
    see,
)
from litellm_plugins.evaluation.rows import BadRows
from tests.unit.cache.fakes import FakeEmbedder


def column(*values: float) -> Any:
    return np.array(values, np.float64)


SCORES, RIGHT = column(0.9, 0.8, 0.7, 0.6, 0.5), column(1, 1, 0, 1, 0)


def test_average_precision_is_the_mean_precision_at_each_right_pair() -> None:
    assert average_precision(SCORES, RIGHT) == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert average_precision(SCORES, 1 - RIGHT) == pytest.approx((1 / 3 + 2 / 5) / 2)
    assert average_precision(SCORES, RIGHT * 0) == 0.0


def test_the_area_is_the_chance_that_a_right_pair_scores_above_a_wrong_one() -> None:
    assert area_under_roc(SCORES, RIGHT) == pytest.approx(5 / 6)
    assert area_under_roc(-SCORES, RIGHT) == pytest.approx(1 / 6)
    assert area_under_roc(SCORES * 0, RIGHT) == pytest.approx(0.5)
    assert area_under_roc(SCORES, RIGHT * 0) == 0.0


def test_no_figure_depends_on_the_order_of_pairs_that_score_the_same() -> None:
    """Else a file that lists the right ones first would look better than it is."""
    score, right = column(0.9, 0.9, 0.9, 0.9, 0.1), column(1, 1, 0, 0, 1)
    turned = right[[3, 2, 1, 0, 4]]
    assert average_precision(score, right) == average_precision(score, turned)
    assert area_under_roc(score, right) == area_under_roc(score, turned)
    assert hits_at(score, right, 0.2) == hits_at(score, turned, 0.2) == 0.0
    assert hits_at(score, right, 0.4) == 1.0


def test_hits_at_a_rate_are_those_of_the_lowest_threshold_that_keeps_it() -> None:
    assert hits_at(SCORES, RIGHT, 0.0) == 0.4
    assert hits_at(SCORES, RIGHT, 0.19) == 0.4
    assert hits_at(SCORES, RIGHT, 0.2) == 0.8
    assert hits_at(SCORES, RIGHT, 0.4) == 1.0
    assert hits_at(SCORES, RIGHT * 0, 0.0) == 0.0


def test_per_hit_is_stricter_than_per_request() -> None:
    assert hits_at(SCORES, RIGHT, 0.2, per_hit=True) == 0.4
    assert hits_at(SCORES, RIGHT, 0.25, per_hit=True) == 0.8


def pairs(count: int, seed: int = 0) -> tuple[list[Pair], FakeEmbedder]:
    """Right where the angle between the two is small."""
    rng = np.random.default_rng(seed)
    embedder, made = FakeEmbedder(), []
    for n in range(count):
        turn = float(rng.uniform(0, 90))
        embedder.angles |= {f"asked {n}": 0.0, f"cached {n}": turn}
        made.append(Pair(f"asked {n}", f"cached {n}", turn < 30))
    return made, embedder


async def test_pairs_are_seen_with_their_cosine_as_a_cache_that_holds_the_one_answer() -> None:
    made, embedder = pairs(20)
    steps: list[None] = []
    seen = await see(made, embedder, lambda: steps.append(None))
    assert len(steps) == 20
    assert seen.features.shape == (20, len(NAMES))
    angles = [embedder.angles[pair.cached] for pair in made]
    assert seen.features[:, 0] == pytest.approx(np.cos(np.radians(angles)), abs=1e-6)
    assert seen.right.tolist() == [pair.right for pair in made]
    assert (seen.embed_ms > 0).all()
    assert (seen.verify_ms > 0).all()


async def test_the_report_has_these_figures_and_no_others() -> None:
    made, embedder = pairs(50)
    seen = await see(made, embedder)
    for score in (by_rule(seen), by_cosine(seen)):
        told = report(seen, score)
        assert list(told) == [
            "n", "ap", "auc", "hit_rate_at_error", "hit_rate_at_error_per_hit", "embed_ms_p50", "verify_ms_p50",
        ]  # fmt: skip
        assert list(told["hit_rate_at_error"]) == list(told["hit_rate_at_error_per_hit"]) == ["0.01", "0.02", "0.05"]
        assert told["n"] == 50
    assert report(seen, by_cosine(seen))["ap"] == report(seen, by_cosine(seen))["auc"] == 1.0
    share = sum(pair.right for pair in made) / 50
    assert report(seen, by_cosine(seen))["hit_rate_at_error"]["0.01"] == pytest.approx(share)


async def test_a_fit_on_other_pairs_tells_new_ones_apart() -> None:
    """Though the rule of thumb has them the wrong way round: near is wrong here."""
    made, embedder = pairs(400)
    turned = [Pair(pair.asked, pair.cached, not pair.right) for pair in made]
    model = fitted(await see(turned[:300], embedder))
    rest = await see(turned[300:], embedder)
    assert report(rest, model.probabilities(rest))["auc"] > 0.95
    assert report(rest, by_rule(rest))["auc"] < 0.1


async def test_pairs_of_one_label_cannot_be_fitted_on() -> None:
    made, embedder = pairs(20)
    seen = await see([pair for pair in made if pair.right], embedder)
    with pytest.raises(BadRows, match="both labels"):
        fitted(seen)
