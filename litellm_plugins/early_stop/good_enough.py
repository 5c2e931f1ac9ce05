"""Whether an answer is good enough by a checker's score, judged wherever a sentence ends outside code and JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from litellm_plugins.early_stop.sentences import Sentences

_READ = 16_000  # characters: a longer answer is not judged any more, or its judging would cost more and more


class Scorer(Protocol):
    """Says how good the beginning of an answer is."""

    def __call__(self, answer: str) -> float:
        """In [0, 1]; higher is better. Called at every end of a sentence, so it must be quick and ask nobody."""


class GoodEnough:
    """Over one text that comes in pieces."""

    def __init__(self, score: Scorer, *, at_least: float, min_sentences: int) -> None:
        self._score, self._at_least, self._min_sentences = score, at_least, min_sentences
        self._sentences, self._count, self._text = Sentences(1), 0, ""

    def feed(self, text: str, free: Iterable[tuple[int, int]]) -> int | None:
        """The place in `text` where the answer is good enough; `free` are the places outside code and JSON."""
        if len(self._text) > _READ:
            return None
        for start, end in free:
            at = start
            while (said := self._sentences.feed(text[at:end])) is not None:
                at += said
                if len(self._text) + at > _READ:
                    break
                self._sentences, self._count = Sentences(1), self._count + 1
                if self._count >= self._min_sentences and self._score(self._text + text[:at]) >= self._at_least:
                    return at
        self._text += text
        return None
