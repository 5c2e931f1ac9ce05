"""Which words two questions share, and which only one of them has, as columns that weights are learnt for. Pure.

A word that differs matters or not by what it is ("best" hardly, "India" much), which its rarity alone does not say.
Words are hashed, so that no word of a user is kept (Weinberger et al. 2009).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from litellm_plugins.cache.verifier.words import BUCKETS, bucket

Column = npt.NDArray[np.float64]
COLUMNS = 2 * BUCKETS  # first of the words that differ, then of those that are shared


@dataclass(frozen=True, slots=True)
class PairWords:
    """A sparse matrix of ones, shape (count, COLUMNS): one row for each pair."""

    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]
    count: int

    def times(self, weights: Column) -> Column:
        """The sum of each pair's weights, shape (count,), for weights of shape (COLUMNS,)."""
        return np.bincount(self.rows, weights=weights[self.columns], minlength=self.count).astype(np.float64)

    def transposed_times(self, values: Column) -> Column:
        """The sum of each column's values, shape (COLUMNS,), for values of shape (count,)."""
        return np.bincount(self.columns, weights=values[self.rows], minlength=COLUMNS).astype(np.float64)


def pair_words(pairs: Iterable[tuple[frozenset[str], frozenset[str]]]) -> PairWords:
    """From the different words of each pair's two questions."""
    rows: list[int] = []
    columns: list[int] = []
    count = 0
    for asked, cached in pairs:
        found = [bucket(word) for word in asked ^ cached] + [BUCKETS + bucket(word) for word in asked & cached]
        rows += [count] * len(found)
        columns += found
        count += 1
    return PairWords(np.array(rows, np.intp), np.array(columns, np.intp), count)
