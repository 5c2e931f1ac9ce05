"""How much each sentence has to do with a question, by the words they share: no model, no state."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from litellm_plugins.compression.extractive.passages import Page, Sentence
from litellm_plugins.compression.extractive.question import Question
from litellm_plugins.compression.extractive.words import STOP

# Robertson & Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009; the values most engines take.
_K1, _B = 1.2, 0.75


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Weights:
    """What counts how much. Round numbers set by hand; docs/compression.md says what was tried."""

    sentence: float = 1.0
    """Of a sentence's own words against its passage's rank, which is 1."""
    pair: float = 0.3
    """Of two terms that stand side by side in question and passage, on top of the two."""
    title: float = 0.5
    """Of a term in the title, for the passage's sentences that do not repeat it."""
    neighbour: float = 0.5
    """A sentence is worth so much of the better one beside it: answers follow what names their subject."""
    lead: float = 0.15
    """Of standing first; the n-th sentence has an n-th of it."""
    topic: float = 0.5
    """Of the paragraph that says what a thing is, where the question is about that thing."""
    link: float = 0.7
    """Of a good passage that names this one's title, or shares its rare names: the second hop of a question."""


@dataclass(frozen=True, slots=True)
class Relevance:
    """Of passages, and of their sentences; higher is better, 1 is about the most."""

    passages: list[float]
    sentences: list[list[float]]


def relevance(question: Question, pages: Sequence[Page], weights: Weights) -> Relevance:
    """BM25 of passages, overlap of sentences, each by how rare a term is here."""
    names = [*question.terms, *(name for name, _ in question.kinds)]
    wanted = frozenset(names)
    hits = [[_hits(question, wanted, sentence) for sentence in page.sentences] for page in pages]
    bags = [Counter(term for sentence in page for term in sentence) for page in hits]
    for page, bag in zip(pages, bags, strict=True):
        bag.update(term for term in page.title if term in wanted)
    rarity = _rarity(names, bags)
    lengths = [len(page.title) + sum(len(sentence.terms) for sentence in page.sentences) for page in pages]
    mean = sum(lengths) / max(1, len(lengths)) or 1.0
    pairs = [_pairs(question, page, bag) for page, bag in zip(pages, bags, strict=True)]
    pair_rarity = _rarity(question.pairs, pairs)
    passages = [
        _bm25(bag, rarity, length / mean) + weights.pair * sum(pair_rarity[pair] for pair in together)
        for bag, length, together in zip(bags, lengths, pairs, strict=True)
    ]
    best = max(passages, default=0.0) or 1.0
    passages = [
        score / best + (weights.topic if _is_topic(page, question) else 0.0)
        for score, page in zip(passages, pages, strict=True)
    ]
    by_sentence = _rarity(names, [sentence for page in hits for sentence in page])
    present = {term for bag in bags for term in bag}
    total = sum(value for term, value in by_sentence.items() if term in present) or 1.0
    return Relevance(
        passages,
        [
            [score / total for score in _overlaps(page, found, by_sentence, weights)]
            for page, found in zip(pages, hits, strict=True)
        ],
    )


def _is_topic(page: Page, question: Question) -> bool:
    """Whether the page says what a thing is that the question names."""
    return page.defines and all(term in question.terms for term in page.name if term not in STOP)


def _hits(question: Question, wanted: frozenset[str], sentence: Sentence) -> list[str]:
    """The terms of the question that the sentence has, as often as it has them, and the kinds of answer."""
    found = [term for term in sentence.terms if term in wanted]
    found += [name for name, has in question.kinds if has(sentence.text)]
    return found


def _rarity(names: Iterable[_T], units: Sequence[Iterable[_T]]) -> dict[_T, float]:
    """The inverse frequency of each term among `units`, never below 0."""
    frequency = Counter(term for unit in units for term in set(unit))
    return {name: math.log(1 + (len(units) - frequency[name] + 0.5) / (frequency[name] + 0.5)) for name in names}


def _bm25(bag: Mapping[str, int], rarity: Mapping[str, float], length: float) -> float:
    """`length` is the passage's, in mean lengths."""
    norm = _K1 * (1 - _B + _B * length)
    return sum(rarity[term] * count * (_K1 + 1) / (count + norm) for term, count in bag.items())


def _pairs(question: Question, page: Page, bag: Mapping[str, int]) -> set[tuple[str, str]]:
    """The question's pairs that stand together here too, at most one word between."""
    near = {pair for pair in question.pairs if pair[0] in bag and pair[1] in bag}
    found: set[tuple[str, str]] = set()
    if near:
        for terms in (page.title, *(sentence.terms for sentence in page.sentences)):
            found |= near & set(pairwise(terms))
            found |= near & set(zip(terms, terms[2:], strict=False))
    return found


def _overlaps(page: Page, hits: Sequence[Iterable[str]], rarity: Mapping[str, float], weights: Weights) -> list[float]:
    titled = set(page.title)
    own = []
    for found in hits:
        present = set(found)
        own.append(
            sum(
                value if term in present else weights.title * value
                for term, value in rarity.items()
                if term in present or term in titled
            )
        )
    scores = []
    for at, score in enumerate(own):
        beside = max(own[at - 1] if at else 0.0, own[at + 1] if at + 1 < len(own) else 0.0)
        scores.append(max(score, weights.neighbour * beside))
    return scores
