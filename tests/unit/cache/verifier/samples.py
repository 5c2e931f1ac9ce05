"""Features, labels and models for the verifier's tests: one plain case, and what a test wants different about it."""

from __future__ import annotations

import numpy as np

from litellm_plugins.cache.store import Neighbour
from litellm_plugins.cache.verifier.features import NAMES, Features
from litellm_plugins.cache.verifier.labels import Label
from litellm_plugins.cache.verifier.logistic import Matrix, Model
from litellm_plugins.cache.verifier.logistic import fit as fitted

SIMILARITY = NAMES.index("similarity")


def features(**values: float) -> Features:
    """A vector of zeros but for `values`, of an answer that three entries give."""
    out = np.zeros(len(NAMES))
    out[NAMES.index("log_same")] = np.log1p(3)
    for name, value in values.items():
        out[NAMES.index(name)] = value
    return out


def neighbour(question: str, similarity: float, answer: str = "answer", origin: str = "") -> Neighbour:
    """An entry of the cache; `answer` is told apart by its name."""
    return Neighbour(question.encode(), question, similarity, answer.encode(), origin)


def sure(odds: float = 6.0) -> Model:
    """A model that gives the same log odds to everything."""
    shape = len(fitted(np.eye(len(NAMES)), np.ones(len(NAMES))).weights)
    return Model(np.zeros(len(NAMES)), np.ones(len(NAMES)), np.append(np.zeros(shape - 1), odds))


def by_similarity(steepness: float = 40.0, even: float = 0.8) -> Model:
    """A model that looks at the cosine alone: even odds at `even`."""
    weights = sure(-steepness * even).weights.copy()
    weights[SIMILARITY] = steepness
    scale = np.ones(len(NAMES))
    return Model(np.zeros(len(NAMES)), scale, weights)


def drawn(
    count: int,
    *,
    seed: int = 0,
    steepness: float = 40.0,
    even: float = 0.8,
    noise: float = 0.0,
    low: float = 0.4,
) -> tuple[Matrix, Matrix]:
    """Features of `count` candidates and whether each is right, which the cosine tells but for chance and `noise`."""
    rng = np.random.default_rng(seed)
    cosine = rng.uniform(low, 1.0, count)
    right = rng.random(count) < 1 / (1 + np.exp(-steepness * (cosine - even)))
    right ^= rng.random(count) < noise
    rows = np.array([features(similarity=c, similarity_squared=c * c) for c in cosine])
    return rows, right.astype(np.float64)


def labels(count: int, *, seed: int = 0, weight: float = 1.0, requests: int = 1, **how: float) -> list[Label]:
    """`count` labels of such candidates."""
    rows, right = drawn(count, seed=seed, **how)
    return [Label(x, bool(y), weight, requests, 1_000.0) for x, y in zip(rows, right, strict=True)]
