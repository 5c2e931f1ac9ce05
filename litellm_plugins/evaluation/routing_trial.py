"""Is a scorer that was fitted to one's own labelled prompts better than the one in use? Only on prompts it never saw.

Each fold of the rows is judged by a fit to the others, so that every row is held back once. The two scorers, and the
controls, are compared on the same resampled rows (paired bootstrap, Efron and Tibshirani 1993, section 16).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from litellm_plugins.evaluation import routing, routing_controls, routing_rows
from litellm_plugins.evaluation.rows import BadRows
from litellm_plugins.routing.conversation import of_text
from litellm_plugins.routing.outcomes import Labelled
from litellm_plugins.routing.scorers.trained import TrainedScorer
from litellm_plugins.routing.training import FEWEST, fit

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector
    from litellm_plugins.evaluation.routing_curve import Floats
    from litellm_plugins.evaluation.routing_rows import Judged
    from litellm_plugins.routing.scoring import Scorer

FOLDS = 5
_CURRENT = "current"


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it."""

    scorer: TrainedScorer
    """Fitted to all rows."""
    is_better: bool
    """Than the current one, with 95 % confidence."""
    report: dict[str, Any]


def trial(judged: Judged, vectors: Sequence[Vector], current: TrainedScorer, *, seed: int = 0) -> Trial:
    """Fit to the rows, and compare with `current` on rows held back.

    Args:
        judged: prompts with what both models made of them.
        vectors: the prompts' embeddings, in their order.
        current: the scorer in use, which the fit starts from; what it learnt of these very rows does not count.
        seed: of the resampling.

    Raises:
        BadRows: there are too few rows, or the strong model is no better on them.
    """
    if len(judged.prompts) < FEWEST * FOLDS:
        raise BadRows(f"{len(judged.prompts)} labelled prompts: a comparison needs {FEWEST * FOLDS} at least")
    seen = sum(map(current.has_seen, judged.prompts))
    unseen = current.by_load() if seen else current
    rows = [
        Labelled(prompt, float(weak), float(strong), "")
        for prompt, weak, strong in zip(judged.prompts, judged.weak, judged.strong, strict=True)
    ]
    values = np.empty(len(rows))
    for held_back in routing_rows.folded(judged.prompts, FOLDS):
        out = set(held_back)
        kept = [number for number in range(len(rows)) if number not in out]
        scorer = fit([rows[number] for number in kept], [vectors[number] for number in kept], unseen)
        values[held_back] = _scores(scorer, [rows[n].prompt for n in held_back], [vectors[n] for n in held_back])
    table = routing.report(
        judged,
        _scored("adapted", values),
        [
            _scored(_CURRENT, _scores(unseen, judged.prompts, vectors)),
            *(_scored(one.name, _scores(one, judged.prompts, vectors)) for one in routing_controls.RANKED),
        ],
        seed=seed,
    )
    gained = table[f"apgr_minus_{_CURRENT}_ci95"]
    about = {"apgr": table["apgr"], "apgr_before": table["controls"][_CURRENT]["apgr"]}
    fitted = fit(rows, vectors, unseen, about=about)
    is_better = gained is not None and gained[0] > 0
    return Trial(fitted, is_better, {"promoted": is_better, "rows_in_current": seen} | _without_times(table))


def _scores(scorer: Scorer, prompts: Sequence[str], vectors: Sequence[Vector]) -> Floats:
    pairs = zip(prompts, vectors, strict=True)
    return np.array([scorer.score(of_text(prompt), vector).value for prompt, vector in pairs])


def _scored(name: str, values: Floats) -> routing.Scored:
    return routing.Scored(name, values, np.zeros(len(values)))


def _without_times(table: dict[str, Any]) -> dict[str, Any]:
    """Nothing was timed."""
    return {
        name: _without_times(value) if isinstance(value, dict) else value
        for name, value in table.items()
        if not name.startswith("decision_ms")
    }
