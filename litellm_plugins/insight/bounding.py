"""No hour holds more words, or rows, than it may: clients invent features, users and model names as they like.

In each hour a dimension takes the words that come, up to a number; the busiest of the hour before have their places
kept, so that whoever floods it with new ones drives out no word that stands for real traffic. The rest is `~other`.
"""

from __future__ import annotations

from collections import Counter

from litellm_plugins.insight.usage import DIMENSIONS, OTHER, Dimension, Words

_LENGTH = 128  # of a word
_NAMED: tuple[Dimension, ...] = ("feature", "team", "user", "end_user", "key")
_PEOPLE = frozenset(map(DIMENSIONS.index, _NAMED))
_FIXED = frozenset(map(DIMENSIONS.index, ("endpoint", "layer", "ending")))
_FREE = tuple(place for place in range(len(DIMENSIONS)) if place not in _FIXED)


class Bounds:
    """One for each worker."""

    def __init__(self, words: int, rows: int) -> None:
        self._words, self._rows = words, rows
        self._hour = -1
        self._seen: dict[int, Counter[str]] = {place: Counter() for place in _FREE}
        self._kept: dict[int, frozenset[str]] = {place: frozenset() for place in _FREE}
        self._new: dict[int, int] = dict.fromkeys(_FREE, 0)  # words of this hour that were not kept for it
        self._known: set[Words] = set()

    def bounded(self, hour: int, words: Words) -> Words:
        """The words that the call is counted under."""
        if hour > self._hour:
            self._begin(hour)
        given = list(words)
        for place in _FREE:
            given[place] = self._word(place, given[place])
        return self._row(tuple(given))

    def _begin(self, hour: int) -> None:
        follows = hour == self._hour + 1
        for place, seen in self._seen.items():
            common = seen.most_common(self._words // 2) if follows else []
            self._kept[place] = frozenset(word for word, _ in common)
            self._seen[place] = Counter()
            self._new[place] = 0
        self._hour = hour
        self._known = set()

    def _word(self, place: int, given: str) -> str:
        if not given:
            return given
        # Half a surrogate pair is nothing that a store could keep.
        word = given[:_LENGTH].encode("utf-8", "replace").decode()
        seen, kept = self._seen[place], self._kept[place]
        if word not in seen and word not in kept:
            if self._new[place] >= self._words - len(kept):
                return OTHER
            self._new[place] += 1
        seen[word] += 1
        return word

    def _row(self, words: Words) -> Words:
        if words in self._known:
            return words
        for most, folded in ((self._rows, _PEOPLE), (2 * self._rows, frozenset(_FREE))):
            if len(self._known) < most:
                break
            words = tuple(OTHER if place in folded and word else word for place, word in enumerate(words))
            if words in self._known:
                return words
        self._known.add(words)
        return words
