"""What is selected from: passages, and what is read of them once for every later step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from litellm_plugins.compression.extractive.sentences import sentences
from litellm_plugins.compression.extractive.words import terms
from litellm_plugins.compression.tokens import CountTokens


@dataclass(frozen=True, slots=True)
class Passage:
    """A document, or a paragraph of one. Its title helps to find it, and is not part of what is selected from."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence with the white space before it, its size and its terms in their order."""

    text: str
    tokens: int
    terms: list[str]


@dataclass(frozen=True, slots=True)
class Page:
    """A passage as read: its title's terms, and its sentences in their order."""

    title: list[str]
    sentences: list[Sentence]

    @property
    def tokens(self) -> int:
        """Of the whole text. A sum over sentences, which is within 1 % of what the text as one counts."""
        return sum(sentence.tokens for sentence in self.sentences)


def read(passages: Sequence[Passage], count: CountTokens) -> list[Page]:
    """Cut, count and reduce to terms, each sentence once."""
    return [
        Page(
            terms(passage.title),
            [Sentence(text, count(text), terms(text)) for text in sentences(passage.text)],
        )
        for passage in passages
    ]
