"""What a fit to labelled pairs learns beyond their features."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from litellm_plugins.evaluation.pair_fit import Column, Matrix, PairFit, fit
from litellm_plugins.evaluation.pair_words import COLUMNS, PairWords, pair_words
from tests.unit.cache.verifier.samples import features


@dataclass(frozen=True)
class Made:
    """Pairs made up, and their labels."""

    features: Matrix
    asked: Matrix
    cached: Matrix
    words: PairWords
    right: Column


def made(count: int, seed: int = 0) -> Made:
    """Right where the first coordinates of both vectors agree, which no feature shows."""
    rng = np.random.default_rng(seed)
    asked, cached = (rng.normal(size=(count, 16)) for _ in range(2))
    asked, cached = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (asked, cached))
    rows = np.array([features(similarity=float(a @ b)) for a, b in zip(asked, cached, strict=True)])
    right = (asked[:, 0] * cached[:, 0] > 0).astype(np.float64)
    return Made(rows, asked, cached, pair_words([(frozenset(), frozenset())] * count), right)


def worded(count: int, seed: int = 0) -> Made:
    """Right where the one word that differs is of no account, which neither features nor vectors show."""
    rng = np.random.default_rng(seed)
    matters = rng.random(count) < 0.5
    differing = [f"{'city' if m else 'filler'}{rng.integers(20)}" for m in matters]
    words = pair_words((frozenset({"card", word}), frozenset({"card"})) for word in differing)
    plain = np.tile(features(similarity=0.9), (count, 1))
    vectors = np.full((count, 16), 0.25)
    return Made(plain, vectors, vectors, words, (~matters).astype(np.float64))


def accuracy(model: PairFit, pairs: Made) -> float:
    return float(((model.probabilities(pairs) > 0.5) == pairs.right).mean())


def test_it_learns_from_the_vectors_what_features_do_not_show() -> None:
    model, other = fit(made(3_000), made(3_000).right), made(500, seed=1)
    assert accuracy(model, other) > 0.85
    assert accuracy(replace(model, dense=np.zeros_like(model.dense)), other) < 0.7


def test_it_learns_which_words_matter_when_they_differ() -> None:
    pairs, other = worded(1_000), worded(300, seed=1)
    model = fit(pairs, pairs.right)
    assert accuracy(model, other) > 0.95
    assert accuracy(replace(model, of_words=np.zeros(COLUMNS)), other) < 0.7


def test_labels_that_nothing_explains_leave_every_pair_at_their_share() -> None:
    pairs = worded(2_000)
    chance = np.random.default_rng(7).random(2_000) < 0.3
    p = fit(pairs, chance.astype(np.float64)).probabilities(worded(300, seed=1))
    assert p.mean() == pytest.approx(0.3, abs=0.05)
    assert p.std() < 0.1


def test_words_that_differ_and_words_that_are_shared_are_told_apart() -> None:
    matrix = pair_words([(frozenset({"a", "b"}), frozenset({"b"})), (frozenset(), frozenset()), ({"b"}, {"b"})])  # type: ignore[list-item]
    dense = np.zeros((3, COLUMNS))
    dense[matrix.rows, matrix.columns] = 1
    assert dense.sum(axis=1).tolist() == [2, 0, 1]
    assert dense[:, : COLUMNS // 2].sum(axis=1).tolist() == [1, 0, 0]
    weights, values = np.random.default_rng(0).normal(size=COLUMNS), np.array([1.0, 2.0, 3.0])
    assert matrix.times(weights) == pytest.approx(dense @ weights)
    assert matrix.transposed_times(values) == pytest.approx(values @ dense)
