"""What a selection keeps: tokens, gold answers, needed facts, and what it costs to make it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from litellm_plugins.compression.extractive.lexical import Kept, choose
from litellm_plugins.compression.extractive.method import extractive
from litellm_plugins.compression.extractive.passages import Passage
from litellm_plugins.compression.tokens import CountTokens
from litellm_plugins.evaluation.compression_baselines import head, randomly
from litellm_plugins.evaluation.compression_prompts import in_prompt
from litellm_plugins.evaluation.compression_rows import Distractors, Gold, Row, facts_kept


class Choose(Protocol):
    """A method: what to keep of passages for a question. `extractive.lexical.choose` says what is what."""

    def __call__(
        self, question: str, passages: Sequence[Passage], *, rate: float, count: CountTokens
    ) -> Awaitable[tuple[Kept, ...]]: ...


@dataclass(slots=True)
class Tally:
    """What one method kept of all rows so far."""

    before: int = 0
    after: int = 0
    most: float = 0.0
    answered: list[bool] = field(default_factory=list)
    answered_by_own: list[bool] = field(default_factory=list)
    complete: list[bool] = field(default_factory=list)
    cpu_s: float = 0.0

    def report(self) -> dict[str, Any]:
        """Shares of tokens and rows; milliseconds of CPU."""
        told: dict[str, Any] = {
            "kept": _share(self.after, self.before),
            "kept_most": round(self.most, 4),
            "retention": _share(sum(self.answered), len(self.answered)),
            "retention_own_documents": _share(sum(self.answered_by_own), len(self.answered_by_own)),
        }
        if self.complete:
            told["all_facts"] = _share(sum(self.complete), len(self.complete))
        told["ms_per_1k_tokens"] = round(1e6 * self.cpu_s / self.before, 3) if self.before else 0.0
        return told


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def at_once(method: Callable[..., tuple[Kept, ...]]) -> Choose:
    """A method that waits for nothing, as one that may."""

    async def chosen(
        question: str, passages: Sequence[Passage], *, rate: float, count: CountTokens
    ) -> tuple[Kept, ...]:
        return method(question, passages, rate=rate, count=count)

    return chosen


LEXICAL = at_once(choose)
# The last two as the proxy does it: headings found in the prompt, and what is strict kept whatever the rate.
AT_ONCE: dict[str, Choose] = {
    "extractive": LEXICAL,
    "extractive_in_prompt": at_once(in_prompt(extractive(strict=False))),
    "extractive_strict": at_once(in_prompt(extractive(strict=True))),
}
BASELINES: dict[str, Choose] = {"head": at_once(head), "random_sentences": at_once(randomly)}


async def measure(  # noqa: PLR0913 - a measurement's options, by keyword
    rows: Sequence[Row],
    method: Choose,
    *,
    rate: float,
    count: CountTokens,
    distractors: int = 0,
    seed: int = 0,
    first: int = 0,
    limit: int | None = None,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """What `method` and the baselines keep of each row's documents.

    Args:
        rows: all of a file, for the distractors come from all of them.
        method: that is measured.
        rate: share of the tokens that may stay.
        count: tokens of a text.
        distractors: documents of other rows to be added to each row's own.
        seed: of the order they are shuffled in.
        first: rows before it are not measured.
        limit: how many are measured; all if None.
        progress: called after each row.
    """
    chosen = rows[first : None if limit is None else first + limit]
    pool = Distractors(rows) if distractors else None
    methods = {"": method} | BASELINES
    tallies = {name: Tally() for name in methods}
    without_answer = 0
    for number, row in enumerate(chosen, first):
        documents = pool.added(row, distractors, f"{seed}:{number}") if pool else row.documents
        gold = Gold(row.answers, [one.text for one in documents])
        without_answer += not gold.given
        for name, each in methods.items():
            # Of the whole process: the embedder computes in a thread of its own. Only this runs in it meanwhile.
            started = time.process_time()
            kept = await each(row.question, documents, rate=rate, count=count)
            tallies[name].cpu_s += time.process_time() - started
            _note(tallies[name], row, documents, kept, gold, count)
        progress()
    return {
        "rows": len(chosen),
        "rows_without_answer": without_answer,
        "tokens_per_row": round(tallies[""].before / len(chosen)) if chosen else 0,
        **tallies[""].report(),
        "baselines": {name: tallies[name].report() for name in BASELINES},
    }


def _note(
    tally: Tally, row: Row, documents: Sequence[Passage], kept: Sequence[Kept], gold: Gold, count: CountTokens
) -> None:
    before = sum(count(one.text) for one in documents)
    after = sum(count(one.text) for one in kept)
    tally.before += before
    tally.after += after
    tally.most = max(tally.most, after / before) if before else tally.most
    texts = [one.text for one in kept]
    if gold.given:
        tally.answered.append(gold.in_any(texts))
        tally.answered_by_own.append(gold.in_any(one.text for one in kept if documents[one.index] in row.documents))
    if row.supporting and facts_kept(row.supporting, [one.text for one in documents]):
        tally.complete.append(facts_kept(row.supporting, texts))
