"""Does a paraphrase get the same tier? At the threshold that sends half of the texts to the strong one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from litellm_plugins.evaluation.rows import text_in

if TYPE_CHECKING:
    from litellm_plugins.evaluation.routing_curve import Floats


@dataclass(frozen=True, slots=True)
class Paraphrase:
    """Two texts; `same` if they mean the same, `closeness` (0 to 5) where the source grades that."""

    a: str
    b: str
    same: bool
    closeness: float | None

    @classmethod
    def parse(cls, row: Mapping[str, Any]) -> Paraphrase:
        """Of a row {a, b, label?, score?}; without a label it is a paraphrase. Raises: KeyError, TypeError."""
        score = row.get("score")
        return cls(
            text_in(row, "a"), text_in(row, "b"), row.get("label", 1) == 1, None if score is None else float(score)
        )


def paraphrases(rows: Sequence[Paraphrase]) -> list[Paraphrase]:
    """Those that mean the same; where the source grades it, only those graded the highest."""
    return [row for row in rows if row.same and row.closeness in (None, 5.0)]


def stability(first: Floats, second: Floats) -> dict[str, Any]:
    """The share of pairs whose two scores are on one side of the threshold.

    Args:
        first: scores of one text of each pair.
        second: scores of the other.
    """
    scores = np.concatenate([first, second])
    candidates = np.unique(np.quantile(scores, np.linspace(0.4, 0.6, 201), method="nearest"))
    shares = np.array([(scores >= candidate).mean() for candidate in candidates])
    best = int(np.argmin(np.abs(shares - 0.5)))
    threshold = float(candidates[best])
    same = (first >= threshold) == (second >= threshold)
    return {
        "pairs": len(first),
        "same_tier": round(float(same.mean()), 5),
        "threshold": round(threshold, 5),
        "strong_share": round(float(shares[best]), 5),
    }
