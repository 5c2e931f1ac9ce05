"""What a selection has to beat: the head of the context, and sentences drawn at random."""

from __future__ import annotations

import random
from collections.abc import Sequence

from litellm_plugins.compression.extractive.lexical import Kept, taken
from litellm_plugins.compression.extractive.passages import Passage, read
from litellm_plugins.compression.tokens import CountTokens


def head(_question: str, passages: Sequence[Passage], *, rate: float, count: CountTokens) -> tuple[Kept, ...]:
    """The first tokens, cut after a word, as a client does that truncates."""
    left = int(rate * sum(count(passage.text) for passage in passages))
    kept = []
    for at, passage in enumerate(passages):
        size = count(passage.text)
        text = passage.text if size <= left else _first(passage.text, left, count)
        if text:
            kept.append(Kept(at, text))
        if size > left:
            break
        left -= size
    return tuple(kept)


def _first(text: str, tokens: int, count: CountTokens) -> str:
    """As many words as `tokens` hold."""
    words = text.split(" ")
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(" ".join(words[:middle])) <= tokens else (low, middle - 1)
    return " ".join(words[:low])


def randomly(question: str, passages: Sequence[Passage], *, rate: float, count: CountTokens) -> tuple[Kept, ...]:
    """Sentences in random order, as long as they fit; the same for the same question."""
    draw = random.Random(question)  # noqa: S311 - a baseline, no secret
    pages = read(passages, count)
    return taken(pages, [[draw.random() for _ in page.sentences] for page in pages], rate, count)
