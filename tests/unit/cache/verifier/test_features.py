"""The candidate that a neighbourhood speaks for, and what is known about the pair."""

from __future__ import annotations

import math

import numpy as np
import pytest

from litellm_plugins.cache.store import Neighbour
from litellm_plugins.cache.verifier.features import NAMES, NEIGHBOURS, Candidate, candidate
from litellm_plugins.cache.verifier.text import read
from litellm_plugins.cache.verifier.words import WordCounts
from tests.unit.cache.verifier.samples import neighbour


def found(question: str, *neighbours: Neighbour, **popularity: int) -> Candidate:
    popular = {name.encode(): count for name, count in popularity.items()}
    judged = candidate(question, neighbours, WordCounts(), popular)
    assert judged is not None
    return judged


def of(judged: Candidate, name: str) -> float:
    return float(judged.features[NAMES.index(name)])


def between(asked: str, cached: str, name: str) -> float:
    """A feature of the pair alone."""
    return of(found(asked, neighbour(cached, 0.9)), name)


def test_nothing_near_is_no_candidate() -> None:
    assert candidate("Where?", [], WordCounts(), {}) is None


def test_every_feature_has_one_name_and_is_finite() -> None:
    judged = found("¿Dónde está 'X1'?", neighbour("", -1.0, "a"), neighbour("Where?", -1.0, "b"))
    assert judged.features.shape == (len(NAMES),) == (len(set(NAMES)),)
    assert np.isfinite(judged.features).all()


def test_several_near_entries_of_one_answer_outvote_a_nearer_one_of_another() -> None:
    """A kernel vote: one entry that happens to lie nearest is often the odd one out."""
    many = [neighbour(f"q{n}", 0.94, "many") for n in range(4)]
    judged = found("q", neighbour("odd", 0.95, "odd"), *many)
    assert judged.neighbour.answer_id == b"many"
    assert of(judged, "similarity") == 0.94
    assert of(judged, "margin") == pytest.approx(-0.01)
    assert of(judged, "log_same") == pytest.approx(math.log1p(4))


def test_far_entries_of_one_answer_do_not_outvote_a_near_one() -> None:
    many = [neighbour(f"q{n}", 0.7, "many") for n in range(8)]
    judged = found("q", neighbour("near", 0.95, "near"), *many)
    assert judged.neighbour.question == "near"
    assert of(judged, "other_similarity") == 0.7
    assert of(judged, "second_similarity") == pytest.approx(0.3)


def test_the_candidate_is_the_nearest_entry_of_its_answer_in_whatever_order_they_come() -> None:
    first, second, other = neighbour("first", 0.9, "a"), neighbour("second", 0.8, "a"), neighbour("third", 0.5, "b")
    one, turned = found("q", first, second, other), found("q", other, second, first)
    assert one.neighbour == turned.neighbour == first
    assert (one.features == turned.features).all()
    assert of(one, "second_similarity") == 0.8
    assert of(one, "mean_same_similarity") == pytest.approx(0.85)


def test_only_the_nearest_sixteen_have_a_say() -> None:
    near = [neighbour(f"q{n}", 0.9, "a") for n in range(NEIGHBOURS)]
    far = [neighbour(f"f{n}", 0.1, "b") for n in range(50)]
    assert of(found("q", *far, *near), "other_similarity") == pytest.approx(0.3)


def test_an_answer_s_popularity_counts_for_it_and_that_of_the_next_for_the_next() -> None:
    judged = found("q", neighbour("near", 0.9, "near"), neighbour("far", 0.5, "far"), near=7, far=2, elsewhere=99)
    assert of(judged, "log_popularity") == pytest.approx(math.log1p(7))
    assert of(judged, "log_other_popularity") == pytest.approx(math.log1p(2))


@pytest.mark.parametrize(
    ("feature", "asked", "cached"),
    [
        ("numbers_differ", "What is 2+3?", "What is 2+2?"),
        ("negation_differs", "Can I cancel?", "Can't I cancel?"),
        ("opposed", "How do I lock my card?", "How do I unlock my card?"),
        ("codes_differ", "How do I sort in C++?", "How do I sort in C#?"),
        ("names_differ", "Do you ship to Norway?", "Do you ship to Sweden?"),
        ("question_differs", "When do I pay?", "How do I pay?"),
        ("order_differs", "Ann owes Bob money", "Bob owes Ann money"),
        ("language_differs", "What is the price?", "¿Cuál es el precio?"),
        ("quotes_differ", 'What does "lost" mean?', 'What does "gone" mean?'),
    ],
)
def test_what_tells_two_questions_apart_is_seen_in_the_pair_and_not_between_equals(
    feature: str, asked: str, cached: str
) -> None:
    assert between(asked, cached, feature) > 0
    assert between(cached, asked, feature) > 0
    assert between(asked, asked, feature) == 0


@pytest.mark.parametrize(
    ("feature", "asked", "cached"),
    [
        ("numbers_differ", "Two days?", "2 days?"),
        ("negation_differs", "I can't not pay", "I pay"),
        ("names_differ", "do you ship to norway?", "Do you ship to Norway?"),
        ("question_differs", "¿Cómo pago?", "How do I pay?"),
        ("order_differs", "one thing", "quite another matter"),
        ("language_differs", "Netflix", "What is the price?"),
    ],
)
def test_what_is_only_said_otherwise_is_no_difference(feature: str, asked: str, cached: str) -> None:
    assert between(asked, cached, feature) == 0


def test_rare_words_in_common_count_for_more_than_common_ones() -> None:
    words = WordCounts()
    for _ in range(200):
        words.add(read("how do i get my").word_set)
    rare = candidate("how do i get my visa", [neighbour("visa wanted", 0.9)], words, {})
    common = candidate("how do i get my visa", [neighbour("how do i get my refund", 0.9)], words, {})
    assert rare is not None
    assert common is not None
    assert of(rare, "overlap") > of(common, "overlap")


def test_the_pair_is_read_and_not_the_votes_of_others() -> None:
    """A second entry of the same answer, with the asked number, does not hide that the nearest has another."""
    judged = found("What is 2+3?", neighbour("What is 2+2?", 0.97, "a"), neighbour("What is 2+3 now?", 0.9, "a"))
    assert of(judged, "numbers_differ") == 1
    assert of(judged, "best_overlap") > of(judged, "overlap")
