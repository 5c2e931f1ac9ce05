"""Selection by words alone: no model, some milliseconds for a long context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from litellm_plugins.compression.extractive.filling import fill, gap_tokens, rendered
from litellm_plugins.compression.extractive.links import linked
from litellm_plugins.compression.extractive.passages import Page, Passage, read
from litellm_plugins.compression.extractive.question import asked
from litellm_plugins.compression.extractive.relevance import Relevance, Weights, relevance
from litellm_plugins.compression.tokens import CountTokens

DEFAULT = Weights()


@dataclass(frozen=True, slots=True)
class Kept:
    """What is left of a passage."""

    index: int
    """Of the passage, among those that were given."""
    text: str


def choose(
    question: str, passages: Sequence[Passage], *, rate: float, count: CountTokens, weights: Weights = DEFAULT
) -> tuple[Kept, ...]:
    """What to keep of `passages` so that about `rate` of their tokens are left, a tenth more of it at most.

    Blocks for some milliseconds: give a long context a thread.

    Args:
        question: what is asked of them.
        passages: in the order they are sent in; the result has the same.
        rate: 0 to 1, the share of the texts' tokens that may stay. Titles count nowhere.
        count: tokens, in the tokenizer of the model that will read them.
        weights: what counts how much.

    Raises:
        ValueError: the rate is not between 0 and 1.
    """
    checked(rate)
    if rate == 1:
        return untouched(passages)
    pages = read(passages, count)
    return taken(pages, worth(question, pages, weights), rate, count)


def worth(question: str, pages: Sequence[Page], weights: Weights = DEFAULT) -> list[list[float]]:
    """Of each page's sentences, what they are worth for the question."""
    found = relevance(asked(question), pages, weights)
    scores = linked(pages, found.passages, weights.link)
    return values(Relevance(scores, found.sentences), weights)


def select(question: str, passages: Sequence[Passage], *, rate: float, count: CountTokens) -> tuple[str, ...]:
    """The texts of `choose`: one for each passage that something is kept of, in order."""
    return tuple(kept.text for kept in choose(question, passages, rate=rate, count=count))


def checked(rate: float) -> None:
    """Raises: ValueError, for what is no share."""
    if not 0 <= rate <= 1:
        raise ValueError(f"rate is {rate}; a share from 0 to 1 is needed")


def untouched(passages: Sequence[Passage]) -> tuple[Kept, ...]:
    """All of it, byte for byte."""
    return tuple(Kept(at, passage.text) for at, passage in enumerate(passages))


def values(found: Relevance, weights: Weights) -> list[list[float]]:
    """Of each sentence: its passage's rank, its own words, and where it stands."""
    return [
        [passage + weights.sentence * own + weights.lead / (1 + at) for at, own in enumerate(sentences)]
        for passage, sentences in zip(found.passages, found.sentences, strict=True)
    ]


def taken(pages: Sequence[Page], worth: Sequence[Sequence[float]], rate: float, count: CountTokens) -> tuple[Kept, ...]:
    """The best sentences that `rate` has room for, put back into their passages."""
    budget = rate * sum(page.tokens for page in pages)
    chosen = fill(pages, worth, budget, gap_tokens(count))
    kept = zip(pages, chosen, strict=True)
    return tuple(Kept(at, rendered(page, each)) for at, (page, each) in enumerate(kept) if each)
