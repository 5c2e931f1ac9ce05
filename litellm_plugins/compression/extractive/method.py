"""Selection as a method of compression: of the prose in a prompt the sentences stay that its question is about."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Container, Sequence
from dataclasses import dataclass
from itertools import accumulate

from litellm_plugins.compression.extractive.filling import GAP, fill, gap_tokens
from litellm_plugins.compression.extractive.lexical import worth
from litellm_plugins.compression.extractive.passages import Page, Passage, read
from litellm_plugins.compression.extractive.question import asked
from litellm_plugins.compression.extractive.units import Unit, units
from litellm_plugins.compression.extractive.words import STOP
from litellm_plugins.compression.facts import facts, machine_written
from litellm_plugins.compression.methods import Context, LeftAlone, Method
from litellm_plugins.compression.pieces import Range
from litellm_plugins.model import CompressionReason

OVER = 1.1
"""So many times the rate may be left, marks and headings included."""
_TRIES = 4

Worth = Callable[[Context, Sequence[Passage], Sequence[Page]], list[list[float]]]
"""Of each sentence of each page, what it is worth for the context's question; the pages are what the passages hold."""


def by_words(context: Context, _: Sequence[Passage], pages: Sequence[Page]) -> list[list[float]]:
    """Some milliseconds, whatever else runs.

    Raises:
        LeftAlone: not one word of the question stands in the pages: whatever was chosen would be chance.
    """
    wanted = set(asked(context.question).terms) - STOP  # "What is in it?" asks for all of it
    if wanted.isdisjoint(term for page in pages for each in page.sentences for term in each.terms):
        raise LeftAlone(CompressionReason.NO_QUESTION)
    return worth(context.question, pages)


def extractive(*, strict: bool, rank: Worth = by_words, settings: str = "") -> Method:
    """The method.

    Args:
        strict: Whether every sentence that holds something the strict checker looks for stays as well, on top of
            those that the rate has room for.
        rank: What a sentence is worth.
        settings: Whatever else changes the result.
    """

    def shorten(passages: Sequence[str], context: Context) -> list[str]:
        if not context.question:
            raise LeftAlone(CompressionReason.NO_QUESTION)
        found = units(passages)
        documents = [Passage(unit.title, unit.body) for unit in found]
        pages = read(documents, context.tokens)
        values = rank(context, documents, pages)
        machine = _held(passages, found, pages, machine_written)
        kept = _chosen(len(passages), found, pages, values, machine, context)
        if not any(kept):  # one sentence that has no room, or none at all: no selection
            raise LeftAlone(CompressionReason.LITTLE_SAVED)
        must = _held(passages, found, pages, facts) if strict else machine
        return _rendered(len(passages), found, pages, must.with_sentences(kept))

    return Method("extractive", shorten, f"strict={strict} {settings}".strip(), None if strict else _lost)


@dataclass(frozen=True, slots=True)
class _Stays:
    """What stays of each unit."""

    sentences: Sequence[Collection[int]]
    headings: Container[int]  # of these units, also where no sentence stays

    def with_sentences(self, more: Sequence[Collection[int]]) -> _Stays:
        """And more of them."""
        both = [{*one, *other} for one, other in zip(self.sentences, more, strict=True)]
        return _Stays(both, self.headings)


def _chosen(
    count: int,
    found: Sequence[Unit],
    pages: Sequence[Page],
    values: list[list[float]],
    machine: _Stays,
    context: Context,
) -> list[list[int]]:
    """The sentences that the rate has room for: with marks and headings no more than `OVER` of it.

    What stays whatever is asked counts neither for the rate nor against it.
    """
    heads = [context.tokens(unit.head) if unit.head else 0 for unit in found]
    held = sum(page.sentences[at].tokens for page, each in zip(pages, machine.sentences, strict=True) for at in each)
    wanted = budget = context.rate * (sum(heads) + sum(page.tokens for page in pages) - held)
    mark = gap_tokens(context.tokens)
    for _ in range(_TRIES):
        kept = fill(pages, values, budget, mark, openings=heads, free=machine.sentences)
        made = _rendered(count, found, pages, machine.with_sentences(kept))
        left = sum(map(context.tokens, made)) - held
        if left <= OVER * wanted:
            break
        budget *= wanted / left
    return kept


def _held(
    passages: Sequence[str], found: Sequence[Unit], pages: Sequence[Page], find: Callable[[str], list[Range]]
) -> _Stays:
    """The sentences that hold something of what `find` finds in a passage, and the headings that do."""
    still = [sorted(find(passage), reverse=True) for passage in passages]  # the next one last
    reach: list[list[Range]] = [[] for _ in passages]  # those that begin before the unit's end
    at = dict.fromkeys(range(len(passages)), 0)
    sentences: list[set[int]] = []
    headings: set[int] = set()
    for number, (unit, page) in enumerate(zip(found, pages, strict=True)):
        start = at[unit.passage]
        body = start + len(unit.head)
        ends = list(accumulate((len(each.text) for each in page.sentences), initial=body))
        at[unit.passage] = ends[-1]
        held = reach[unit.passage] = [span for span in reach[unit.passage] if span[1] > start]
        while still[unit.passage] and still[unit.passage][-1][0] < ends[-1]:
            span = still[unit.passage].pop()
            held += [span] if span[1] > start else []
        sentences.append({at_sentence for span in held for at_sentence in _touched(ends, *span)})
        if any(first < body for first, _ in held):
            headings.add(number)
    return _Stays(sentences, headings)


def _touched(ends: Sequence[int], first: int, last: int) -> range:
    """The sentences that characters `first` to `last` reach into; the n-th goes from the n-th of `ends` to the next."""
    return range(max(0, bisect_right(ends, first) - 1), min(bisect_left(ends, last), len(ends) - 1))


def _rendered(count: int, found: Sequence[Unit], pages: Sequence[Page], kept: _Stays) -> list[str]:
    """The passages with what is kept as it stood, and one mark for each run of what is not."""
    out: list[list[str]] = [[] for _ in range(count)]
    for number, (unit, page, chosen) in enumerate(zip(found, pages, kept.sentences, strict=True)):
        parts, stays = out[unit.passage], set(chosen)
        shown = bool(stays) or number in kept.headings
        if unit.head and shown:
            _put(parts, unit.head)
        for at, sentence in enumerate(page.sentences):
            if at in stays:
                _put(parts, sentence.text)
            elif not (parts and parts[-1].endswith(GAP)):
                before = sentence.text if shown else unit.head or sentence.text
                blank = before[: len(before) - len(before.lstrip())]
                parts.append(f"{blank or (' ' if parts else '')}{GAP}")
    return ["".join(parts) for parts in out]


def _put(parts: list[str], text: str) -> None:
    parts.append(f" {text}" if parts and parts[-1].endswith(GAP) and not text[:1].isspace() else text)


def _lost(before: Sequence[str], after: Sequence[str], context: Context) -> str | None:
    """What is wrong where something else is left than sentences as they stood and in their order, or more than may."""
    for one, other in zip(before, after, strict=True):
        at = 0
        for piece in other.split(GAP):
            core = piece.strip()
            place = one.find(core, at)
            if place < 0:
                return "sentence"
            at = place + len(core)
    allowed, left = OVER * context.rate, sum(map(context.tokens, after))
    total = sum(map(context.tokens, before))
    if left <= allowed * total:
        return None
    found = units(before)  # more may be left only of what stays whatever is asked
    pages = read([Passage(unit.title, unit.body) for unit in found], context.tokens)
    stays = _held(before, found, pages, machine_written)
    held = sum(page.sentences[at].tokens for page, each in zip(pages, stays.sentences, strict=True) for at in each)
    return "rate" if left > held + allowed * (total - held) + len(before) else None
