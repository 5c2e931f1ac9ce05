"""Two questions and nothing around them: how alike they are, and what tells them apart. Pure numpy.

Where the cache holds one answer alone, there is no neighbourhood to ask. The pair then decides, by a rule of thumb.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from litellm_plugins.cache.verifier.features import NAMES

Matrix = npt.NDArray[np.float64]

_OF_PAIRS = (
    "similarity", "similarity_squared", "overlap", "only_asked", "only_cached", "numbers_differ", "negation_differs",
    "log_length", "length_gap", "same_words", "near_identity", "rarest_only_asked", "rarest_only_cached", "opposed",
    "names_differ", "codes_differ", "question_differs", "order_differs", "trigram_overlap", "language_differs",
    "quotes_differ",
)  # fmt: skip
_OPPOSED = NAMES.index("opposed")
_SAME, _TWO = NAMES.index("log_same"), math.log1p(1.5)  # how many entries give the answer: fewer than two
_COLUMNS = [NAMES.index(name) for name in _OF_PAIRS]
_FARTHEST = 6.0

# By rule, not fitted: cosine decides (even odds at 0.85 for ten words, 20 of log odds per unit). Words of opposite
# meaning count like 0.15 less of it, words turned round like 0.1, and figures that differ like half of that, each as
# far as the rest is the same: in a question that is put in other words all three are by the way ("to" and "from" stand
# in most longer ones). Of two pairs equally near the one with fewer words in common is the surer one, since embeddings
# overrate common words (McCoy et al. 2019, on lexical overlap), and the longer one, since no single word turns it.
_EVEN, _STEEPNESS = 0.874, 20.0
_RULES = {"similarity": 1.0, "overlap": -0.05, "log_length": 0.01}
_RULES_OF_TWO = {
    ("overlap", "opposed"): -0.15,
    ("overlap", "order_differs"): -0.1,
    ("overlap", "numbers_differ"): -0.05,
}


@dataclass(frozen=True, slots=True)
class PairModel:
    """Standardisation and weights."""

    mean: Matrix
    scale: Matrix
    weights: Matrix  # of the features, their products, and the constant

    def probabilities(self, features: Matrix) -> Matrix:
        """Of being right, shape (rows,), for features of shape (rows, len(NAMES))."""
        odds = design(features, self.mean, self.scale) @ self.weights
        out: Matrix = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
        return out


def rule_of_thumb() -> PairModel:
    """What holds of pairs before any is labelled."""
    mean, scale = np.zeros(len(_OF_PAIRS)), np.ones(len(_OF_PAIRS))
    weights = np.zeros(design(np.zeros((1, len(NAMES))), mean, scale).shape[1])
    for name, weight in _RULES.items():
        weights[_OF_PAIRS.index(name)] = weight * _STEEPNESS
    products = list(itertools.combinations_with_replacement(_OF_PAIRS, 2))
    for names, weight in _RULES_OF_TWO.items():
        weights[len(_OF_PAIRS) + products.index(names)] = weight * _STEEPNESS
    weights[-1] = -_EVEN * _STEEPNESS
    return PairModel(mean, scale, weights)


def tempered(probability: Matrix, features: Matrix) -> Matrix:
    """Where one entry alone gives the answer, or the two questions hold opposites, the pair has to convince by itself.

    Without this, a cache full of many-voiced answers teaches that near is right, and serves a lone near miss.
    """
    by_itself = (features[:, _SAME] < _TWO) | (features[:, _OPPOSED] > 0)
    if not by_itself.any():  # as for most requests, each of which waits for this
        return probability
    return np.where(by_itself, np.minimum(probability, _RULE_OF_THUMB.probabilities(features)), probability)


def standard(features: Matrix) -> tuple[Matrix, Matrix]:
    """Mean and deviation of the features that count, for features of shape (rows, len(NAMES))."""
    mine = features[:, _COLUMNS]
    return mine.mean(axis=0), mine.std(axis=0) + 1e-6


def design(features: Matrix, mean: Matrix, scale: Matrix) -> Matrix:
    """Standardised features, their products and the constant, shape (rows, columns)."""
    z = np.clip((features[:, _COLUMNS] - mean) / scale, -_FARTHEST, _FARTHEST)
    products = [z[:, i : i + 1] * z[:, i:] for i in range(z.shape[1])]
    return np.hstack([z, *products, np.ones((len(z), 1))])


_RULE_OF_THUMB = rule_of_thumb()
