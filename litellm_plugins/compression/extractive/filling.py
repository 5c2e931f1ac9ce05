"""A budget of tokens filled with the best sentences, and what is kept put back into its order."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from litellm_plugins.compression.extractive.passages import Page
from litellm_plugins.compression.tokens import CountTokens

GAP = "[…]"
"""Stands where sentences of a kept passage are left out."""
OVER = 0.08
"""By this share of the budget the last sentence may exceed it: a short text has few sentences to choose from. A tenth
is promised; the rest is for what texts count together and apart."""


def fill(
    pages: Sequence[Page],
    values: Sequence[Sequence[float]],
    budget: float,
    gap_tokens: int,
    *,
    openings: Sequence[int] = (),
    free: Sequence[Collection[int]] = (),
) -> list[list[int]]:
    """The numbers of the kept sentences of each page: by value, until the budget is full.

    What does not fit is passed over for what does; the last may be a little too long (`OVER`). Equal values go in the
    order of the text. The marks of what is left out are paid for as well.

    Args:
        pages: What is chosen from.
        values: Of each sentence of each page.
        budget: Tokens.
        gap_tokens: What one mark costs.
        openings: What each page costs beside its sentences, where any is kept.
        free: Of each page the sentences that stay whatever is chosen, and are not paid for. They are not in the result.
    """
    order = sorted(
        ((page, at) for page, each in enumerate(values) for at in range(len(each))),
        key=lambda place: (-values[place[0]][place[1]], place),
    )
    chosen: list[set[int]] = [set() for _ in pages]
    left = budget

    def cost(page: int, at: int) -> int:
        opening = openings[page] if openings and not chosen[page] else 0
        marks = _more_gaps(chosen[page], at, len(values[page]))
        return opening + pages[page].sentences[at].tokens + gap_tokens * marks

    for page, at in order:
        if left <= 0:
            break
        if free and at in free[page]:
            continue
        if (price := cost(page, at)) <= left + OVER * budget:
            chosen[page].add(at)
            left -= price
    return [sorted(each) for each in chosen]


def _more_gaps(chosen: set[int], at: int, length: int) -> int:
    """How many marks there are more once `at` is kept too: -1 where it closes a gap."""
    if not chosen:
        return (at > 0) + (at < length - 1)
    before, after = at - 1 in chosen, at + 1 in chosen
    opens = (at > 0 and not before) + (at < length - 1 and not after)
    return opens - 1


def rendered(page: Page, kept: Sequence[int]) -> str:
    """The kept sentences as they stood, with a mark for each run that is missing; nothing if none is kept."""
    if not kept:
        return ""
    parts: list[str] = []
    expected = 0
    for at in kept:
        if at > expected:
            parts.append(GAP if not parts else f" {GAP}")
        text = page.sentences[at].text
        parts.append(f" {text}" if parts and not text[:1].isspace() and parts[-1].endswith(GAP) else text)
        expected = at + 1
    if expected < len(page.sentences):
        parts.append(f" {GAP}")
    return "".join(parts)


def gap_tokens(count: CountTokens) -> int:
    """What one mark costs."""
    return count(f" {GAP}")
