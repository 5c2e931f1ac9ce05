"""Two questions and nothing around them."""

from __future__ import annotations

import math

import pytest

from litellm_plugins.cache.verifier.features import candidate
from litellm_plugins.cache.verifier.pairwise import rule_of_thumb
from litellm_plugins.cache.verifier.words import WordCounts
from tests.unit.cache.verifier.samples import features, neighbour

TEN_WORDS = math.log1p(10)


def odds(similarity: float, **values: float) -> float:
    values = {"log_length": TEN_WORDS, **values}
    (p,) = rule_of_thumb().probabilities(features(similarity=similarity, **values)[None])
    return float(p)


def test_by_rule_of_thumb_the_cosine_decides_with_even_odds_at_085() -> None:
    assert odds(0.85) == pytest.approx(0.5, abs=0.01)
    assert odds(0.7) < 0.1
    assert odds(1.0) > 0.9


@pytest.mark.parametrize("what", ["opposed", "order_differs", "overlap", "numbers_differ"])
def test_by_rule_of_thumb_each_of_these_makes_a_pair_less_sure(what: str) -> None:
    assert odds(0.95, **{"overlap": 0.5, what: 1.0}) < odds(0.95, overlap=0.5)


@pytest.mark.parametrize("what", ["opposed", "order_differs", "numbers_differ"])
def test_by_rule_of_thumb_these_count_the_more_the_less_else_differs(what: str) -> None:
    def cost(overlap: float) -> float:
        return odds(0.95, overlap=overlap) - odds(0.95, overlap=overlap, **{what: 1.0})

    assert cost(0.9) > 2 * cost(0.3) > cost(0.0) == 0


def test_by_rule_of_thumb_the_longer_of_two_pairs_is_the_surer() -> None:
    assert odds(0.85, log_length=math.log1p(30)) > odds(0.85, log_length=math.log1p(3))


def test_opposites_cost_more_than_a_tenth_of_cosine_where_all_else_is_the_same() -> None:
    assert odds(0.95, overlap=1.0, opposed=1.0) == pytest.approx(odds(0.8, overlap=1.0))


def test_real_questions_that_are_turned_round_or_opposed_are_surely_less_right() -> None:
    """At the same cosine."""

    def of(asked: str, cached: str) -> float:
        found = candidate(asked, [neighbour(cached, 0.97)], WordCounts(), {})
        assert found is not None
        return float(rule_of_thumb().probabilities(found.features[None])[0])

    plain = of("Can I lock my card today please?", "May I lock the card now?")
    assert of("Can I lock my card today please?", "Can I unlock my card today please?") < plain
    assert of("Does Ann owe Bob money?", "Does Bob owe Ann money?") < plain
