"""Labelled pairs: how well does the verifier tell the answers that may be served from those that may not?"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from litellm_plugins.cache.store import Neighbour
from litellm_plugins.cache.verifier import pairwise
from litellm_plugins.cache.verifier.features import Features, candidate
from litellm_plugins.cache.verifier.text import read
from litellm_plugins.cache.verifier.words import WordCounts
from litellm_plugins.evaluation import pair_fit
from litellm_plugins.evaluation.pair_fit import PairFit
from litellm_plugins.evaluation.pair_words import PairWords, pair_words
from litellm_plugins.evaluation.rows import BadRows, text_in

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Embedder

Column = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]
RATES = (0.01, 0.02, 0.05)


@dataclass(frozen=True, slots=True)
class Pair:
    """A question, and one whose answer is cached: may it be served?"""

    asked: str
    cached: str
    right: bool

    @classmethod
    def parse(cls, row: Mapping[str, Any]) -> Pair:
        """From a row `{a, b, label}`; `a` is asked, `b` lies in the cache."""
        if row["label"] not in (0, 1):
            raise ValueError(f"label must be 0 or 1, not {row['label']!r}")
        return cls(text_in(row, "a"), text_in(row, "b"), row["label"] == 1)


@dataclass(frozen=True, slots=True)
class Seen:
    """The pairs as the verifier sees them."""

    features: Matrix
    asked: Matrix  # the questions' vectors, shape (pairs, dimensions)
    cached: Matrix
    words: PairWords
    right: Column
    embed_ms: Column
    verify_ms: Column


async def see(pairs: Sequence[Pair], embedder: Embedder, progress: Callable[[], None] = lambda: None) -> Seen:
    """Embed both questions of each pair and take the features of a cache that holds the one answer alone."""
    words = WordCounts()
    for question in {pair.cached for pair in pairs}:
        words.add(read(question).word_set)
    features: list[Features] = []
    rule = pairwise.rule_of_thumb()
    vectors: list[tuple[Any, Any]] = []
    embed_ms, verify_ms = [], []
    for pair in pairs:
        start = time.perf_counter()
        asked = (await embedder.embed(pair.asked)).vector
        embed_ms.append((time.perf_counter() - start) * 1_000)
        cached = (await embedder.embed(pair.cached)).vector
        similarity = float(np.dot(asked, cached))
        start = time.perf_counter()
        found = candidate(pair.asked, [Neighbour(b"", pair.cached, similarity, b"answer")], words, {})
        if found is None:
            raise AssertionError("one neighbour always makes a candidate")
        rule.probabilities(found.features[None])
        verify_ms.append((time.perf_counter() - start) * 1_000)
        features.append(found.features)
        vectors.append((asked, cached))
        progress()
    right = np.array([pair.right for pair in pairs], np.float64)
    one, other = (np.array(side) for side in zip(*vectors, strict=True))
    sets = pair_words((read(pair.asked).word_set, read(pair.cached).word_set) for pair in pairs)
    return Seen(np.array(features), one, other, sets, right, np.array(embed_ms), np.array(verify_ms))


def fitted(seen: Seen) -> PairFit:
    """Weights from labelled pairs. Raises: BadRows where all have one label."""
    if len(set(seen.right)) < 2:
        raise BadRows("pairs to fit on must be of both labels")
    return pair_fit.fit(seen, seen.right)


def by_cosine(seen: Seen) -> Column:
    """The plain cosine of each pair."""
    return seen.features[:, 0]


def by_rule(seen: Seen) -> Column:
    """What holds of pairs before any is labelled."""
    return pairwise.rule_of_thumb().probabilities(seen.features)


def report(seen: Seen, score: Column) -> dict[str, Any]:
    """The figures of a score that is higher the surer a pair is."""
    return {
        "n": len(score),
        "ap": round(average_precision(score, seen.right), 4),
        "auc": round(area_under_roc(score, seen.right), 4),
        "hit_rate_at_error": {str(rate): round(hits_at(score, seen.right, rate), 4) for rate in RATES},
        "hit_rate_at_error_per_hit": {
            str(rate): round(hits_at(score, seen.right, rate, per_hit=True), 4) for rate in RATES
        },
        "embed_ms_p50": round(float(np.median(seen.embed_ms)), 3),
        "verify_ms_p50": round(float(np.median(seen.verify_ms)), 3),
    }


def average_precision(score: Column, right: Column) -> float:
    """Mean precision at each right pair, pairs of one score taken together."""
    ends, served, good = _ranked(score, right)
    found = good[ends] - np.concatenate([[0.0], good[ends][:-1]])
    total = right.sum()
    return float((good[ends] / served[ends] * found).sum() / total) if total else 0.0


def area_under_roc(score: Column, right: Column) -> float:
    """The chance that a right pair scores above a wrong one; ties count half (Mann and Whitney 1947)."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positive, negative = right.sum(), (1 - right).sum()
    if not positive or not negative:
        return 0.0
    return float((rank[right == 1].sum() - positive * (positive + 1) / 2) / (positive * negative))


def hits_at(score: Column, right: Column, rate: float, *, per_hit: bool = False) -> float:
    """The largest share of pairs that one threshold serves with wrong ones at most `rate` of all pairs, or of hits."""
    ends, served, good = _ranked(score, right)
    wrong = served[ends] - good[ends]
    within = wrong <= rate * (served[ends] if per_hit else len(score))
    return float(served[ends][within].max(initial=0) / len(score))


def _ranked(score: Column, right: Column) -> tuple[npt.NDArray[np.intp], Column, Column]:
    """Where each score's pairs end in descending order, and the counts of pairs and of right ones up to there."""
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    return ends, np.arange(1, len(score) + 1, dtype=np.float64), np.cumsum(right[order])
