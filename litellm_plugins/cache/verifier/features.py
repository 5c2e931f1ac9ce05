"""From a question and its nearest entries to one candidate answer, and what speaks for or against it. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from litellm_plugins.cache.store import Neighbour
from litellm_plugins.cache.verifier.text import Text, is_opposed, read, words_of
from litellm_plugins.cache.verifier.words import Rarities, WordCounts

NEIGHBOURS = 16  # how many of the nearest entries have a say
_TEMPERATURE = 0.06  # of a neighbour's vote: 0.06 less alike is 1/e of the weight
_NOWHERE = 0.3  # the similarity of an entry that is not there
_MOST_RARE = 8.0  # cap on a single word's rarity

# In this order in every feature vector. A change of meaning or order needs a new FEATURE_VERSION.
NAMES = (
    "similarity", "similarity_squared", "margin", "other_similarity", "second_similarity", "log_share",
    "log_rest", "log_same", "overlap", "only_asked", "only_cached",
    "numbers_differ", "negation_differs", "mean_same_similarity", "log_length", "length_gap", "same_words",
    "near_identity", "log_popularity", "log_other_popularity",
    "rarest_only_asked", "rarest_only_cached", "opposed", "names_differ", "codes_differ", "question_differs",
    "order_differs", "trigram_overlap", "language_differs", "quotes_differ", "best_overlap", "overlap_margin",
)  # fmt: skip
FEATURE_VERSION = 1
Features = npt.NDArray[np.float64]  # shape (len(NAMES),)


@dataclass(frozen=True, slots=True)
class Candidate:
    """The answer that the neighbourhood speaks for, by its nearest entry, and what is known about the pair."""

    neighbour: Neighbour
    features: Features


def candidate(
    question: str, neighbours: Sequence[Neighbour], words: WordCounts, popularity: Mapping[bytes, int]
) -> Candidate | None:
    """The candidate for `question`, None where there is no neighbour.

    Each neighbour votes for its answer with weight exp((similarity - nearest) / 0.06): a kernel vote as in
    distance-weighted k-nearest-neighbours (Dudani 1976). `popularity` says how often an answer was given so far.
    """
    if not neighbours:
        return None
    ranked = sorted(neighbours, key=lambda n: -n.similarity)[:NEIGHBOURS]
    nearest = ranked[0].similarity
    votes: dict[bytes, float] = {}
    for n in ranked:
        votes[n.answer_id] = votes.get(n.answer_id, 0.0) + math.exp((n.similarity - nearest) / _TEMPERATURE)
    answer = max(votes, key=votes.__getitem__)
    same = [n for n in ranked if n.answer_id == answer]
    others = [n for n in ranked if n.answer_id != answer]
    best, share = same[0], votes[answer] / sum(votes.values())
    s1 = best.similarity
    d1 = others[0].similarity if others else _NOWHERE
    asked, cached, rare = read(question), read(best.question), Rarities(words)
    near = _overlap(asked.word_set, cached.word_set, rare)
    best_overlap = max([near, *(_overlap(asked.word_set, words_of(n.question), rare) for n in same[1:6])])
    other_overlap = max((_overlap(asked.word_set, words_of(n.question), rare) for n in others[:5]), default=0.0)
    values = (
        s1,
        s1 * s1,
        s1 - d1,
        d1,
        same[1].similarity if len(same) > 1 else _NOWHERE,
        math.log(share + 1e-3),
        math.log(1 - share + 0.01),
        math.log1p(len(same)),
        near,
        *_differences(asked, cached, rare),
        sum(n.similarity for n in same) / len(same),
        math.log1p(len(asked.words)),
        abs(len(asked.words) - len(cached.words)) / (len(asked.words) + len(cached.words) + 1),
        float(asked.word_set == cached.word_set),
        max(0.0, s1 - 0.9) * 10,
        math.log1p(popularity.get(answer, 0)),
        math.log1p(popularity.get(others[0].answer_id, 0)) if others else 0.0,
        *_contrasts(asked, cached, rare),
        best_overlap,
        best_overlap - other_overlap,
    )
    return Candidate(best, np.array(values, np.float64))


def _overlap(a: frozenset[str], b: frozenset[str], rare: Rarities) -> float:
    """Jaccard index of the words, each weighted by its rarity."""
    union = rare.weight(a | b)
    return rare.weight(a & b) / union if union > 0 else 0.0


def _differences(a: Text, b: Text, rare: Rarities) -> tuple[float, ...]:
    return (
        math.log1p(max(0.0, rare.weight(a.word_set - b.word_set))),
        math.log1p(max(0.0, rare.weight(b.word_set - a.word_set))),
        float(a.numbers != b.numbers),
        float((a.negations % 2) != (b.negations % 2)),
    )


def _contrasts(a: Text, b: Text, rare: Rarities) -> tuple[float, ...]:
    only_a, only_b = a.word_set - b.word_set, b.word_set - a.word_set
    union = len(a.trigrams | b.trigrams)
    return (
        min(_MOST_RARE, max(map(rare.__getitem__, only_a), default=0.0)),
        min(_MOST_RARE, max(map(rare.__getitem__, only_b), default=0.0)),
        float(is_opposed(only_a, only_b)),
        float(len((a.names - b.word_set) | (b.names - a.word_set))),
        float(a.codes != b.codes),
        float(a.question != b.question),
        _disorder(a.words, b.words),
        len(a.trigrams & b.trigrams) / union if union else 1.0,
        float(bool(a.language and b.language and a.language != b.language)),
        float(a.quoted != b.quoted),
    )


def _disorder(a: tuple[str, ...], b: tuple[str, ...]) -> float:
    """The share of neighbouring common words whose order is turned round from `a` to `b`."""
    place = {word: i for i, word in enumerate(b)}
    places = [place[word] for word in a if word in place]
    if len(places) < 2:
        return 0.0
    return sum(later < earlier for earlier, later in itertools.pairwise(places)) / (len(places) - 1)
