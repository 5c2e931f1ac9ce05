"""The rows of an outcomes file that say something of two models: those to score, and those to fit on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from litellm_plugins.evaluation.rows import BadRows
from litellm_plugins.routing.outcomes import Labelled, OutcomeRow, marks

if TYPE_CHECKING:
    from litellm_plugins.evaluation.routing_curve import Floats


@dataclass(frozen=True, slots=True)
class Judged:
    """The rows that two models were tried on."""

    prompts: tuple[str, ...]
    weak: Floats
    strong: Floats
    weak_usd: Floats | None
    """Dollars of each answer; None where some row does not know."""
    strong_usd: Floats | None
    skipped: Mapping[str, int]
    """Rows left out, by why."""
    weak_answers: tuple[str, ...] | None = None
    """What the weak model answered; None where some row does not know."""


def select(rows: Sequence[OutcomeRow], weak: str, strong: str) -> Judged:
    """Rows with a prompt and an outcome of both models. Raises: BadRows, where the file says nothing of these two."""
    kept = [row for row in rows if row.prompt is not None and weak in row.outcomes and strong in row.outcomes]
    no_prompt = sum(row.prompt is None for row in rows)
    if not kept:
        models = sorted({model for row in rows for model in row.outcomes})
        raise BadRows(f"no row has a prompt and an outcome of both {weak} and {strong}; there are {', '.join(models)}")
    priced = all(weak in row.cost and strong in row.cost for row in kept)
    return Judged(
        prompts=tuple(row.prompt or "" for row in kept),
        weak=np.array([row.outcomes[weak] for row in kept]),
        strong=np.array([row.outcomes[strong] for row in kept]),
        weak_usd=np.array([row.cost[weak] for row in kept]) if priced else None,
        strong_usd=np.array([row.cost[strong] for row in kept]) if priced else None,
        weak_answers=tuple(row.answers[weak] for row in kept) if all(weak in row.answers for row in kept) else None,
        skipped={"no_prompt": no_prompt, "no_outcome": len(rows) - len(kept) - no_prompt},
    )


def priced(judged: Judged, prices: tuple[float, float] | None) -> Judged:
    """With these dollars a request, (weak, strong), where the rows have none of their own."""
    if prices is None or judged.weak_usd is not None:
        return judged
    weak_usd, strong_usd = (np.full(len(judged.weak), price) for price in prices)
    return replace(judged, weak_usd=weak_usd, strong_usd=strong_usd)


def folded(prompts: Sequence[str], folds: int) -> list[list[int]]:
    """Row numbers of each fold, the same on every run; those of equal prompts are in one fold."""
    parts: list[list[int]] = [[] for _ in range(folds)]
    for number, prompt in enumerate(prompts):
        digest = hashlib.sha256(min(marks(prompt), key=len).encode("utf-8", "surrogatepass")).digest()
        parts[int.from_bytes(digest[:8]) % folds].append(number)
    return [part for part in parts if part]


def for_training(
    rows: Sequence[OutcomeRow], weak: str, strong: str, held_out: Sequence[str]
) -> tuple[list[Labelled], int]:
    """Rows to fit on, none of which asks what a held-out prompt asks, and how many were dropped for that."""
    known = frozenset().union(*(marks(prompt) for prompt in held_out)) if held_out else frozenset()
    usable = [row for row in rows if row.prompt is not None and weak in row.outcomes and strong in row.outcomes]
    kept = [
        Labelled(row.prompt, row.outcomes[weak], row.outcomes[strong], row.task)
        for row in usable
        if row.prompt is not None and known.isdisjoint(marks(row.prompt))
    ]
    return kept, len(usable) - len(kept)
