"""Phrases that end an answer, found in a text that comes in pieces. Keeps as much as the longest has."""

from __future__ import annotations

from collections.abc import Sequence


class Phrases:
    """Looks for the first of several, letter for letter."""

    def __init__(self, phrases: Sequence[str]) -> None:
        self._phrases = tuple(phrases)
        self._kept = max(map(len, self._phrases), default=1) - 1
        self._tail = ""

    def feed(self, text: str) -> int | None:
        """The place in `text` after the first phrase that ends there."""
        data, before = self._tail + text, len(self._tail)
        found = ((data.find(each), len(each)) for each in self._phrases)
        ends = [at + length - before for at, length in found if at >= 0]
        self._tail = data[-self._kept :] if self._kept else ""
        return min(ends, default=None)
