"""What is selected from: passages, and what is read of them once for every later step."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from litellm_plugins.compression.extractive.sentences import sentences
from litellm_plugins.compression.extractive.words import STOP, terms
from litellm_plugins.compression.tokens import CountTokens

# "Kiss and Tell (1945 film)", "Boston, Lincolnshire"; but "10,000 Maniacs" and "Tyler, the Creator" are names.
_ASIDE = re.compile(r"[\s_]*\([^)]*\)\s*$|, [^\W\d_a-z][^,]*$")


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
    name: tuple[str, ...] = ()
    """The title's terms without what stands behind it in brackets; none where it is stop words alone."""

    @property
    def defines(self) -> bool:
        """Whether it begins with its own name, as the paragraph does that says what a thing is."""
        length = len(self.name)
        first = self.sentences[0].terms[: length + 1] if self.sentences and length else []
        return bool(first) and self.name in {tuple(first[:length]), tuple(first[1:])}  # "The …"

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
            _name(passage.title),
        )
        for passage in passages
    ]


def _name(title: str) -> tuple[str, ...]:
    found = tuple(terms(_ASIDE.sub("", title)))
    return found if any(term not in STOP for term in found) else ()
