"""Logistic regression on features and their products, pulled towards a prior. Pure numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from litellm_plugins.cache.verifier.features import NAMES

Matrix = npt.NDArray[np.float64]

# Whose products with each other count as well: the boundary between two near answers is curved.
_CURVED = tuple(
    NAMES.index(name)
    for name in (
        "similarity", "margin", "other_similarity", "second_similarity", "log_share", "log_rest", "overlap",
        "only_asked", "only_cached", "mean_same_similarity", "log_popularity",
    )
)  # fmt: skip
_FIRST, _SECOND = (np.array(_CURVED)[side] for side in np.triu_indices(len(_CURVED)))  # of every product
_FARTHEST = 6.0  # standard deviations; a feature never seen like that must not carry a decision alone
_PULL, _PULL_CURVED, _PULL_CONSTANT = 3.0, 10.0, 1e-3  # ridge penalties, in observations
_STEPS, _HALVINGS = 12, 12


@dataclass(frozen=True, slots=True)
class Model:
    """Standardisation and weights."""

    mean: Matrix  # shape (features,)
    scale: Matrix  # shape (features,)
    weights: Matrix  # shape (expanded + 1,), the constant last

    def probabilities(self, features: Matrix) -> Matrix:
        """Of being right, shape (rows,), for features of shape (rows, features)."""
        return _sigmoid(_design(features, self.mean, self.scale) @ self.weights)


def fit(
    features: Matrix, right: Matrix, *, towards: Model | None = None, pull: float = 1.0, weight: Matrix | None = None
) -> Model:
    """Maximum a posteriori weights by Newton's method (iteratively reweighted least squares).

    Args:
        features: shape (rows, features).
        right: 1.0 or 0.0 per row.
        towards: the prior's mean; zero weights if None.
        pull: how many times the usual strength the prior has.
        weight: observations that each row is worth; None: one each.
    """
    if towards is None:
        mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    else:
        mean, scale = towards.mean, towards.scale
    design = _design(features, mean, scale)
    penalty = np.full(design.shape[1], _PULL * pull)
    penalty[len(mean) :] = _PULL_CURVED * pull
    penalty[-1] = _PULL_CONSTANT if towards is None else _PULL * pull
    centre = np.zeros(design.shape[1]) if towards is None else towards.weights
    return Model(mean, scale, ascend(design, right, penalty, centre, weight=weight))


def ascend(
    design: Matrix,
    right: Matrix,
    penalty: Matrix,
    centre: Matrix,
    *,
    steps: int = _STEPS,
    weight: Matrix | None = None,
) -> Matrix:
    """The weights of greatest posterior: Newton's steps from `centre`, each halved until it is uphill."""
    weights, worth = centre.copy(), np.ones(len(right)) if weight is None else weight
    height = _height(design, right, worth, penalty, centre, weights)
    for _ in range(steps):
        p = _sigmoid(design @ weights)
        gradient = design.T @ (worth * (right - p)) - penalty * (weights - centre)
        curvature = (design.T * (worth * (p * (1 - p) + 1e-6))) @ design
        curvature[np.diag_indices_from(curvature)] += penalty
        step = np.linalg.solve(curvature, gradient)
        for _ in range(_HALVINGS):
            reached = _height(design, right, worth, penalty, centre, weights + step)
            if reached >= height:
                break
            step = step / 2
        else:
            return weights
        weights, height = weights + step, reached
        if np.abs(step).max() < 1e-3:
            break
    return weights


def _height(design: Matrix, right: Matrix, worth: Matrix, penalty: Matrix, centre: Matrix, weights: Matrix) -> float:
    odds = design @ weights
    fit = worth @ (right * odds - np.logaddexp(0, odds))
    return float(fit - (penalty * (weights - centre) ** 2).sum() / 2)


def cross_fitted(
    features: Matrix,
    right: Matrix,
    *,
    towards: Model | None = None,
    pull: float = 1.0,
    folds: int = 4,
    weight: Matrix | None = None,
) -> Matrix:
    """Each row's probability by a model that did not see it, shape (rows,)."""
    fold = np.arange(len(right)) % folds
    out = np.empty(len(right))
    for i in range(folds):
        held = fold == i
        worth = None if weight is None else weight[~held]
        seen = fit(features[~held], right[~held], towards=towards, pull=pull, weight=worth)
        out[held] = seen.probabilities(features[held])
    return out


def _design(features: Matrix, mean: Matrix, scale: Matrix) -> Matrix:
    z = np.clip((features - mean) / scale, -_FARTHEST, _FARTHEST)
    return np.hstack([z, z[:, _FIRST] * z[:, _SECOND], np.ones((len(z), 1))])


def _sigmoid(x: Matrix) -> Matrix:
    out: Matrix = 1 / (1 + np.exp(-np.clip(x, -30, 30)))
    return out
