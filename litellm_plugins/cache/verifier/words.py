"""How rare a word is in this deployment's questions: document frequencies in hashed buckets."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

BUCKETS = 16_384


class WordCounts:
    """Counts of questions by word; a word is a bucket, so that no word of a user is kept."""

    def __init__(self, counts: npt.NDArray[np.uint32] | None = None, questions: int = 0) -> None:
        self.counts = np.zeros(BUCKETS, np.uint32) if counts is None else counts.copy()
        self.questions = questions

    def take(self, counts: npt.NDArray[np.uint32], questions: int) -> None:
        """Go on from these, in place of what was counted here."""
        self.counts, self.questions = counts.copy(), questions

    def add(self, words: Iterable[str]) -> None:
        """Count one question by its different words."""
        self.questions += 1
        for word in words:
            self.counts[bucket(word)] += 1

    def rarity(self, word: str) -> float:
        """Inverse document frequency (Spärck Jones 1972), smoothed: log((N + 10) / (n + 0.5))."""
        return math.log((self.questions + 10) / (int(self.counts[bucket(word)]) + 0.5))


class Rarities(dict[str, float]):
    """Rarities as they stand now, each looked up once: for the sums over one question and its neighbours."""

    def __init__(self, words: WordCounts) -> None:
        super().__init__()
        self._words = words

    def __missing__(self, word: str) -> float:
        found = self[word] = self._words.rarity(word)
        return found

    def weight(self, words: Iterable[str]) -> float:
        """The words' rarities, summed."""
        return sum(map(self.__getitem__, words))


@lru_cache(maxsize=65_536)
def bucket(word: str) -> int:
    """The word's place among `BUCKETS`."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass")) % BUCKETS
