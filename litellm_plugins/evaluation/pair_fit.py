"""Weights for pairs of questions, learnt from labelled ones. Pure numpy.

Beyond what a lone pair's features say, a fit may look at the two embeddings and at the words themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from litellm_plugins.cache.verifier import pairwise
from litellm_plugins.evaluation.pair_words import COLUMNS, PairWords

Column = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

_PULL, _PULL_VECTORS, _PULL_WORDS = 3.0, 30.0, 10.0  # ridge penalties, in observations
_VECTOR_SCALE = 20.0  # products of two unit vectors' coordinates are about 1/dimensions
_STEPS, _INNER, _HALVINGS = 10, 40, 12
_FORCING, _STILL = 0.05, 1e-4  # how exactly a step is solved for; the share of the height that ends the climb


class Sides(Protocol):
    """What is known of labelled, or of other, pairs."""

    @property
    def features(self) -> Matrix:
        """Shape (pairs, len(NAMES))."""

    @property
    def asked(self) -> Matrix:
        """The questions' vectors, shape (pairs, dimensions)."""

    @property
    def cached(self) -> Matrix:
        """Those of the cached questions."""

    @property
    def words(self) -> PairWords:
        """Which words they share, and which not."""


@dataclass(frozen=True, slots=True)
class PairFit:
    """Standardisation of the features, weights of the dense columns, weights of the words."""

    mean: Column
    scale: Column
    dense: Column
    of_words: Column

    def probabilities(self, pairs: Sides) -> Column:
        """Of being right, shape (pairs,)."""
        odds = _dense(pairs, self.mean, self.scale) @ self.dense + pairs.words.times(self.of_words)
        out: Column = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
        return out


def fit(pairs: Sides, right: Column) -> PairFit:
    """Ridge-penalised logistic regression on some thousands of pairs; `right` is 1.0 or 0.0 per pair."""
    mean, scale = pairwise.standard(pairs.features)
    dense = _dense(pairs, mean, scale)
    penalty = np.full(dense.shape[1] + COLUMNS, _PULL_WORDS)
    of_vectors = 2 * pairs.asked.shape[1]
    penalty[: dense.shape[1]] = _PULL
    penalty[dense.shape[1] - of_vectors : dense.shape[1]] = _PULL_VECTORS
    split = dense.shape[1]

    def times(weights: Column) -> Column:
        out: Column = dense @ weights[:split] + pairs.words.times(weights[split:])
        return out

    def transposed_times(values: Column) -> Column:
        return np.concatenate([values @ dense, pairs.words.transposed_times(values)])

    squares = np.concatenate([(dense**2).sum(axis=0), np.bincount(pairs.words.columns, minlength=COLUMNS)])
    weights = _ascend(times, transposed_times, right, penalty, squares)
    return PairFit(mean, scale, weights[:split], weights[split:])


def _dense(pairs: Sides, mean: Column, scale: Column) -> Matrix:
    vectors = np.hstack([pairs.asked * pairs.cached, np.abs(pairs.asked - pairs.cached)]) * _VECTOR_SCALE
    return np.hstack([pairwise.design(pairs.features, mean, scale), vectors])


def _ascend(
    times: Callable[[Column], Column],
    transposed_times: Callable[[Column], Column],
    right: Column,
    penalty: Column,
    squares: Column,
) -> Column:
    """The weights of greatest posterior by truncated Newton steps (Nocedal & Wright 2006, section 7.1).

    The matrix is only ever multiplied with, since most of its columns are sparse. `squares` are the sums of its
    columns' squares, for the preconditioner.
    """
    weights = np.zeros(len(penalty))
    odds = times(weights)
    height = _height(odds, right, penalty, weights)
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
        gradient = transposed_times(right - p) - penalty * weights
        spread = p * (1 - p) + 1e-6
        step = _solved(
            lambda v, spread=spread: transposed_times(spread * times(v)) + penalty * v,  # type: ignore[misc]
            gradient,
            1 / (spread.mean() * squares + penalty),
        )
        along = times(step)
        for halving in range(_HALVINGS):
            share = 0.5**halving
            reached = _height(odds + share * along, right, penalty, weights + share * step)
            if reached >= height:
                break
        else:
            return weights
        weights, odds = weights + share * step, odds + share * along
        gained, height = reached - height, reached
        if gained < _STILL * abs(height):
            break
    return weights


def _solved(curvature: Callable[[Column], Column], gradient: Column, preconditioner: Column) -> Column:
    """The step whose curvature is the gradient, by preconditioned conjugate gradients, as exactly as is of use."""
    step, left = np.zeros(len(gradient)), gradient.copy()
    scaled = preconditioner * left
    direction, size = scaled.copy(), float(left @ scaled)
    enough = _FORCING**2 * size
    for _ in range(_INNER):
        bent = curvature(direction)
        length = size / float(direction @ bent)
        step += length * direction
        left -= length * bent
        scaled = preconditioner * left
        before, size = size, float(left @ scaled)
        if size <= enough:
            break
        direction = scaled + size / before * direction
    return step


def _height(odds: Column, right: Column, penalty: Column, weights: Column) -> float:
    return float(right @ odds - np.logaddexp(0, odds).sum() - (penalty * weights**2).sum() / 2)
