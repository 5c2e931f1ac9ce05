"""Logistic regression, pulled towards a prior."""

from __future__ import annotations

import numpy as np
import pytest

from litellm_plugins.cache.verifier.features import NAMES
from litellm_plugins.cache.verifier.logistic import Matrix, Model, ascend, cross_fitted, fit
from tests.unit.cache.verifier.samples import by_similarity, drawn, features, sure


def at(*cosines: float) -> Matrix:
    return np.array([features(similarity=c, similarity_squared=c * c) for c in cosines])


def test_a_fit_finds_the_odds_that_the_labels_were_drawn_with() -> None:
    """Even at 0.8, and nearly sure at both ends."""
    model = fit(*drawn(4_000))
    low, even, high = model.probabilities(at(0.6, 0.8, 0.97))
    assert low < 0.05
    assert even == pytest.approx(0.5, abs=0.08)
    assert high > 0.95


def test_without_labels_to_speak_of_the_prior_holds_and_many_labels_overrule_it() -> None:
    """The prior says even odds at 0.6, the labels at 0.8."""
    prior = by_similarity(even=0.6)
    expected = prior.probabilities(at(0.7))[0]
    few, many = (fit(*drawn(count), towards=prior).probabilities(at(0.7))[0] for count in (3, 6_000))
    assert few == pytest.approx(expected, abs=0.03)
    assert many < 0.3 < expected


def test_a_harder_pull_stays_nearer_to_the_prior() -> None:
    prior = by_similarity(even=0.6)
    weak, strong = (
        np.abs(fit(*drawn(300), towards=prior, pull=pull).weights - prior.weights).sum() for pull in (1.0, 1_000.0)
    )
    assert strong < weak / 10


def test_labels_of_one_kind_only_make_a_model_all_the_same() -> None:
    """The first hundred labels of a deployment may all be wrong."""
    rows, _ = drawn(100)
    for right in (np.zeros(100), np.ones(100)):
        model = fit(rows, right)
        assert np.isfinite(model.weights).all()
        assert abs(model.probabilities(rows) - right).max() < 0.2


def test_what_was_never_seen_like_that_is_cut_off() -> None:
    """A feature a million deviations out counts no more than one that is six out."""
    plain = sure(0.0)
    weights = plain.weights.copy()
    weights[NAMES.index("log_length")] = 0.1
    model = Model(plain.mean, plain.scale, weights)
    rows = np.array([features(log_length=x) for x in (5.0, 6.0, 7.0, 1e6)])
    five, six, seven, million = model.probabilities(rows)
    assert five < six == seven == million < 0.7


def test_each_step_is_uphill_even_where_newton_s_own_would_overshoot() -> None:
    """From far on the wrong side the curvature is all but flat, and a full step leads nowhere."""
    rng = np.random.default_rng(0)
    design = np.column_stack([rng.normal(size=200), np.ones(200)])
    right = (design[:, 0] > 0).astype(float)
    penalty = np.full(2, 1e-3)
    weights = ascend(design, right, penalty, np.array([-60.0, 40.0]))
    far, near = (-np.logaddexp(0, np.where(right == 1, -1, 1) * (design @ w)).sum() for w in ([-60.0, 40.0], weights))
    assert near > far
    assert np.isfinite(weights).all()


def test_cross_fitted_probabilities_come_from_models_that_did_not_see_the_row() -> None:
    """One mistaken label among many changes its own neighbours' probability, not its own."""
    rows, right = drawn(400)
    turned = right.copy()
    turned[5] = 1 - turned[5]
    before, after = cross_fitted(rows, right), cross_fitted(rows, turned)
    assert after[5] == before[5]
    assert after[6] != before[6]


def test_cross_fitting_is_humbler_than_fitting_where_there_is_nothing_to_learn() -> None:
    """Labels by the toss of a coin: a model explains those it saw better than those it did not."""
    rng = np.random.default_rng(1)
    rows, right = rng.normal(size=(120, len(NAMES))), rng.integers(0, 2, 120).astype(float)
    seen, unseen = fit(rows, right).probabilities(rows), cross_fitted(rows, right)
    assert abs(seen - right).mean() < 0.4 < abs(unseen - right).mean()


def test_a_probability_is_never_outside_of_zero_and_one() -> None:
    for odds in (-1e9, -30.0, 0.0, 30.0, 1e9):
        (p,) = sure(odds).probabilities(features()[None])
        assert 0 < p < 1
