"""Selection by meaning as well: windows of text are embedded where words alone leave it open."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from litellm_plugins.compression.extractive.lexical import DEFAULT, Kept, checked, taken, untouched
from litellm_plugins.compression.extractive.links import linked
from litellm_plugins.compression.extractive.passages import Page, Passage, read
from litellm_plugins.compression.extractive.question import asked
from litellm_plugins.compression.extractive.relevance import Relevance, Weights, relevance
from litellm_plugins.compression.tokens import CountTokens

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Embedder, Vector

WINDOW_TOKENS = 128
"""Of one embedding at most. The bundled model costs least for each token between 64 and 200, and reads 256."""
WINDOWS = 8
"""At least so many fit into the budget: where little may stay, sentences are compared and not paragraphs."""
CLEAR = 0.3
"""Share of the budget that goes to the best by words without asking the model."""
EMBEDDED = 0.75
"""Share of all tokens that may be embedded; the best by words come first."""
MEANING = 0.5
"""What meaning counts in a passage's rank; words have the rest."""


@dataclass(frozen=True, slots=True)
class Window:
    """Some sentences of a passage, one after the other: `first` to `last`, without `last`."""

    page: int
    first: int
    last: int
    tokens: int


class SemanticSelector:
    """Chooses as `lexical.choose` does, with an embedder to ask. Owns nothing: whoever made that closes it."""

    def __init__(self, embedder: Embedder, *, weights: Weights = DEFAULT) -> None:
        self._embedder = embedder
        self._weights = weights

    async def select(
        self, question: str, passages: Sequence[Passage], *, rate: float, count: CountTokens
    ) -> tuple[str, ...]:
        """The texts of `choose`: one for each passage that something is kept of, in order."""
        chosen = await self.choose(question, passages, rate=rate, count=count)
        return tuple(kept.text for kept in chosen)

    async def choose(
        self, question: str, passages: Sequence[Passage], *, rate: float, count: CountTokens
    ) -> tuple[Kept, ...]:
        """As `lexical.choose`. Reading leaves the event loop, as embedding does.

        Raises:
            ValueError: the rate is not between 0 and 1.
            EmbedderUnavailable: nothing can be embedded; words alone would still do.
        """
        checked(rate)
        if rate == 1:
            return untouched(passages)
        pages = await asyncio.to_thread(read, passages, count)
        return taken(pages, await self.worth(question, passages, pages, rate=rate), rate, count)

    async def worth(
        self, question: str, passages: Sequence[Passage], pages: Sequence[Page], *, rate: float
    ) -> list[list[float]]:
        """Of each sentence of the pages, which are what was read of the passages, what it is worth for the question.

        Raises:
            EmbedderUnavailable: nothing can be embedded.
        """
        total = sum(page.tokens for page in pages)
        by_words = await asyncio.to_thread(self._by_words, question, pages)
        ranked = _ranked(pages, by_words, rate * total / WINDOWS)
        wanted = _open(ranked, rate * total, total) if total * rate else []
        nearness = await self._nearness(question, passages, pages, wanted)
        return self._values(pages, by_words, ranked, nearness)

    def _by_words(self, question: str, pages: Sequence[Page]) -> Relevance:
        found = relevance(asked(question), pages, self._weights)
        return Relevance(linked(pages, found.passages, self._weights.link), found.sentences)

    async def _nearness(
        self, question: str, passages: Sequence[Passage], pages: Sequence[Page], windows: Sequence[Window]
    ) -> dict[Window, float]:
        """Of each window, from 0 for the farthest of them to 1 for the nearest."""
        if not windows:
            return {}
        sought = (await self._embedder.embed(question)).vector
        found: dict[Window, float] = {}
        for window in windows:  # one by one: the embedder has one thread, and a bounded queue that others use too
            text = "".join(s.text for s in pages[window.page].sentences[window.first : window.last])
            title = passages[window.page].title
            found[window] = _cosine(sought, (await self._embedder.embed(f"{title}\n{text}" if title else text)).vector)
        low, high = min(found.values()), max(found.values())
        return {window: (cosine - low) / ((high - low) or 1.0) for window, cosine in found.items()}

    def _values(
        self, pages: Sequence[Page], by_words: Relevance, ranked: Sequence[Window], nearness: dict[Window, float]
    ) -> list[list[float]]:
        worth = [[0.0] * len(page.sentences) for page in pages]
        asked_for = False
        for window in ranked:
            asked_for = asked_for or window in nearness
            # Before the first that was asked about they are clear; after the last, out of reach.
            near = nearness.get(window, 0.0 if asked_for else 1.0)
            for at in range(window.first, window.last):
                words = self._weights.sentence * by_words.sentences[window.page][at] + by_words.passages[window.page]
                meaning = near * (1 + self._weights.sentence)  # as much as words may be
                rank = (1 - MEANING) * words + MEANING * meaning
                worth[window.page][at] = rank + self._weights.lead / (1 + at)
        return worth


def _ranked(pages: Sequence[Page], by_words: Relevance, most: float) -> list[Window]:
    """Every window, the best by words first; those of one passage by their best sentence."""
    size = min(WINDOW_TOKENS, most)
    found = [window for at, page in enumerate(pages) for window in _windows(at, page, size)]

    def rank(window: Window) -> float:
        return by_words.passages[window.page] + max(by_words.sentences[window.page][window.first : window.last])

    return sorted(found, key=lambda window: (-rank(window), window.page, window.first))


def _windows(number: int, page: Page, size: float) -> list[Window]:
    """The page cut into windows of at most `size` tokens, or of one sentence."""
    found: list[Window] = []
    first = tokens = 0
    for at, sentence in enumerate(page.sentences):
        if tokens and tokens + sentence.tokens > size:
            found.append(Window(number, first, at, tokens))
            first, tokens = at, 0
        tokens += sentence.tokens
    if page.sentences:
        found.append(Window(number, first, len(page.sentences), tokens))
    return found


def _open(ranked: Sequence[Window], budget: float, total: int) -> list[Window]:
    """The windows worth an embedding: not those that words make sure of, and no more than may be embedded."""
    found: list[Window] = []
    passed = embedded = 0
    for window in ranked:
        passed += window.tokens
        if passed <= CLEAR * budget:
            continue
        if embedded + window.tokens > EMBEDDED * total:
            break
        embedded += window.tokens
        found.append(window)
    return found


def _cosine(one: Vector, other: Vector) -> float:
    return float(one @ other)  # both have unit length
