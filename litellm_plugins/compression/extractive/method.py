"""Selection as a method of compression: of the prose in a prompt the sentences stay that its question is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

from litellm_plugins.compression.extractive.filling import GAP, fill, gap_tokens
from litellm_plugins.compression.extractive.lexical import worth
from litellm_plugins.compression.extractive.passages import Page, Passage, read
from litellm_plugins.compression.extractive.question import asked
from litellm_plugins.compression.extractive.units import Unit, units
from litellm_plugins.compression.facts import facts
from litellm_plugins.compression.methods import Context, LeftAlone, Method
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
    wanted = set(asked(context.question).terms)
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
        kept, made = _chosen(len(passages), found, pages, rank(context, documents, pages), context)
        if not any(kept):  # one sentence that has no room, or none at all: no selection
            raise LeftAlone(CompressionReason.LITTLE_SAVED)
        if not strict:
            return made
        must = _must(passages, found, pages)
        both = [sorted({*one, *more}) for one, more in zip(kept, must, strict=True)]
        return _rendered(len(passages), found, pages, both)

    return Method("extractive", shorten, f"strict={strict} {settings}".strip(), None if strict else _lost)


def _chosen(
    count: int, found: Sequence[Unit], pages: Sequence[Page], values: list[list[float]], context: Context
) -> tuple[list[list[int]], list[str]]:
    """The sentences that the rate has room for, and the passages with nothing else: no more than `OVER` of it."""
    heads = [context.tokens(unit.head) if unit.head else 0 for unit in found]
    wanted = budget = context.rate * (sum(heads) + sum(page.tokens for page in pages))
    mark = gap_tokens(context.tokens)
    for _ in range(_TRIES):
        kept = fill(pages, values, budget, mark, openings=heads)
        made = _rendered(count, found, pages, kept)
        left = sum(map(context.tokens, made))
        if left <= OVER * wanted:
            break
        budget *= wanted / left
    return kept, made


def _must(passages: Sequence[str], found: Sequence[Unit], pages: Sequence[Page]) -> list[set[int]]:
    """Of each unit the sentences with a fact in them, and its first where its heading has one."""
    facts_of = [facts(passage) for passage in passages]
    at = dict.fromkeys(range(len(passages)), 0)
    must: list[set[int]] = []
    for unit, page in zip(found, pages, strict=True):
        start = at[unit.passage]
        ends = list(accumulate((len(each.text) for each in page.sentences), initial=start + len(unit.head)))
        at[unit.passage] = ends[-1]
        held = [(first, last) for first, last in facts_of[unit.passage] if first < ends[-1] and last > start]
        spans = pairwise(ends)
        mine = {n for n, (one, end) in enumerate(spans) if any(first < end and last > one for first, last in held)}
        if not mine and held:
            mine = {0}
        must.append(mine)
    return must


def _rendered(count: int, found: Sequence[Unit], pages: Sequence[Page], kept: Sequence[Sequence[int]]) -> list[str]:
    """The passages with what is kept as it stood, and one mark for each run of what is not."""
    out: list[list[str]] = [[] for _ in range(count)]
    for unit, page, chosen in zip(found, pages, kept, strict=True):
        parts, stays = out[unit.passage], set(chosen)
        if unit.head and stays:
            _put(parts, unit.head)
        for at, sentence in enumerate(page.sentences):
            if at in stays:
                _put(parts, sentence.text)
            elif not (parts and parts[-1].endswith(GAP)):
                text = unit.head if unit.head and not stays else sentence.text
                blank = text[: len(text) - len(text.lstrip())]
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
            found = one.find(core, at)
            if found < 0:
                return "sentence"
            at = found + len(core)
    most = OVER * context.rate * sum(map(context.tokens, before))
    return "rate" if sum(map(context.tokens, after)) > most else None
