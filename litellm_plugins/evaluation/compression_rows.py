"""Questions with documents and gold answers: read, mixed with distractors, and searched for what is left of them."""

from __future__ import annotations

import math
import random
import re
import string
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litellm_plugins.compression.extractive.passages import Passage
from litellm_plugins.compression.extractive.words import STOP, terms
from litellm_plugins.evaluation.rows import text_in

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_TOKEN = re.compile(r"\d+(?:[.,]\d+)+|\w+|[^\w\s]")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_YES_NO = frozenset({"yes", "no"})  # answers that stand in no text, or by chance
_K1, _B = 1.2, 0.75  # of BM25, as most engines have them


@dataclass(frozen=True, slots=True)
class Row:
    """A question, what it is asked of, and what must survive."""

    question: str
    answers: tuple[str, ...]
    documents: tuple[Passage, ...]
    supporting: tuple[str, ...] = ()
    """Sentences that are all needed, where the data say which."""

    @classmethod
    def parse(cls, row: Mapping[str, Any]) -> Row:
        """Raises: KeyError, TypeError."""
        answers, documents = row["answers"], row["documents"]
        if not isinstance(answers, list) or not answers or not all(isinstance(one, str) and one for one in answers):
            raise TypeError("answers must be a list of texts")
        if not isinstance(documents, list) or not documents:
            raise TypeError("documents must be a list with something in it")
        return cls(
            text_in(row, "question"),
            tuple(answers),
            tuple(Passage(str(one.get("title") or ""), text_in(one, "text")) for one in documents),
            tuple(text_in(one, "sentence") for one in row.get("supporting") or ()),
        )


def normalised(text: str) -> str:
    """As SQuAD's own evaluation compares: lower case, no punctuation, no articles, single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def tokenised(text: str) -> str:
    """As DPR's evaluation does (Karpukhin et al., 2020), but for numbers, which are one: words and signs apart, so that
    "44-yard" has "44" in it.
    """
    return " ".join(_TOKEN.findall(text.lower()))


class Gold:
    """The answers of a row, to be looked for in what is left.

    An answer must stand there as a run of whole words ("10" is not in "2010"), by `normalised` ("U.S." is "US") or by
    `tokenised`. Only where it never does inside of a word will do.
    """

    def __init__(self, answers: Iterable[str], original: Iterable[str]) -> None:
        asked = [one for one in answers if normalised(one) not in ("", *_YES_NO)]
        self._wanted = [normalised(one) for one in asked]
        self._tokens = [f" {tokenised(one)} " for one in asked]
        self._whole = True
        texts = list(original)
        self.given = self.in_any(texts)
        if not self.given:
            self._whole = False
            self.given = self.in_any(texts)
        """Whether an answer is there to begin with."""

    def in_any(self, texts: Iterable[str]) -> bool:
        """Whether one of the answers stands in one of the texts."""
        around = " " if self._whole else ""
        read = list(texts)
        found = [f" {normalised(text)} " for text in read]
        if any(f"{around}{answer}{around}" in text for answer in self._wanted for text in found):
            return True
        found = [f" {tokenised(text)} " for text in read]
        return any(answer in text for answer in self._tokens for text in found)


def facts_kept(supporting: Iterable[str], texts: Iterable[str]) -> bool:
    """Whether all the sentences stand in the texts."""
    found = [normalised(text) for text in texts]
    return all(any(normalised(one) in text for text in found) for one in supporting)


class Distractors:
    """Documents of other rows, nearest to a question by BM25."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._documents = list(dict.fromkeys(document for row in rows for document in row.documents))
        self._places: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        self._lengths: list[int] = []
        for at, document in enumerate(self._documents):
            bag = Counter(terms(f"{document.title} {document.text}"))
            self._lengths.append(bag.total())
            for term, count in bag.items():
                self._places[term].append((at, count))
        self._mean = sum(self._lengths) / max(1, len(self._lengths))

    def added(self, row: Row, count: int, seed: str) -> tuple[Passage, ...]:
        """The row's documents and `count` of others, shuffled. Equal texts are no distractors of each other."""
        own = {document.text for document in row.documents}
        others = [self._documents[at] for at in self._nearest(row.question) if self._documents[at].text not in own]
        together = [*row.documents, *others[:count]]
        random.Random(seed).shuffle(together)  # noqa: S311 - an order, no secret
        return tuple(together)

    def _nearest(self, question: str) -> list[int]:
        scores: defaultdict[int, float] = defaultdict(float)
        for term in set(terms(question)) - STOP:
            places = self._places.get(term, [])
            rarity = math.log(1 + (len(self._documents) - len(places) + 0.5) / (len(places) + 0.5))
            for at, count in places:
                norm = _K1 * (1 - _B + _B * self._lengths[at] / self._mean)
                scores[at] += rarity * count * (_K1 + 1) / (count + norm)
        return sorted(range(len(self._documents)), key=lambda at: (-scores[at], at))
