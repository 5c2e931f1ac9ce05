"""Loops: models that say the same again and again. In constant memory, and constant time a word."""

from __future__ import annotations

from collections import Counter, deque

from litellm_plugins.early_stop.words import Words

_REMEMBERED = 512  # phrases: the longest loop that is seen has this over `repeats` words


class Loop:
    """Whether a text goes round in circles, now."""

    def __init__(self, *, ngram_words: int, repeats: int, span_words: int, share: float) -> None:
        self._size, self._repeats, self._needed = ngram_words, repeats, share * span_words
        self._words = Words()
        self._last: deque[str] = deque(maxlen=ngram_words)
        self._phrases: deque[int] = deque()
        self._counts: Counter[int] = Counter()
        self._again: deque[bool] = deque(maxlen=span_words)  # of the last words: does each end a repeated phrase?
        self._span, self._hits, self._apart = span_words, 0, 0

    def feed(self, text: str) -> None:
        """What it says next."""
        for word in self._words.feed(text):
            self._apart += 1
            self._last.append(word)
            if len(self._last) == self._size:
                self._count(hash(tuple(self._last)))

    def begin_apart(self) -> None:
        """What comes next, up to `end_apart`, may well repeat itself: it is code, or data."""
        self._apart = 0

    def end_apart(self) -> None:
        """It is over. What lay wholly within it says nothing of the text around; loops over several of it do."""
        if self._apart >= self._span:
            self._again.clear()
            self._hits = 0

    @property
    def holds(self) -> bool:
        """Whether it does: a text that has left its loop by now is none."""
        return len(self._again) == self._span and self._hits >= self._needed

    def _count(self, phrase: int) -> None:
        if len(self._phrases) == _REMEMBERED:
            oldest = self._phrases.popleft()
            self._counts[oldest] -= 1
            if not self._counts[oldest]:
                del self._counts[oldest]
        self._phrases.append(phrase)
        self._counts[phrase] += 1
        again = self._counts[phrase] >= self._repeats
        if len(self._again) == self._span:
            self._hits -= self._again[0]
        self._again.append(again)
        self._hits += again
