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
    """The share of pairs whose two texts get one tier, where exactly half of all texts go to the strong one.

    Texts of the threshold's own score are parted at random, in expectation, as in `routing_curve`: a scorer that says
    the same of all texts so has one half, and none can win by refusing to tell them apart.

    Args:
        first: scores of one text of each pair.
        second: scores of the other.
    """
    scores = np.concatenate([first, second])
    threshold = float(np.quantile(scores, 0.5, method="higher"))
    above, tied = float((scores > threshold).mean()), float((scores == threshold).mean())
    lifted = (0.5 - above) / tied  # the share of the tied that are strong
    strong_first, strong_second = (
        np.where(each == threshold, lifted, (each > threshold).astype(float)) for each in (first, second)
    )
    same = strong_first * strong_second + (1 - strong_first) * (1 - strong_second)
    return {
        "pairs": len(first),
        "same_tier": round(float(same.mean()), 5),
        "threshold": round(threshold, 5),
        "tied_share": round(tied, 5),
    }
