"""The wrong answers that are expected beside those that are promised. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litellm_plugins.cache.verifier.standing import Standing
from litellm_plugins.ui import words


@dataclass(frozen=True, slots=True)
class PromiseLine:
    """One promised rate."""

    promised: str
    expected: str  # the upper estimate that is held against the promise
    hit_rate: str
    threshold: str
    is_kept: bool
    serves: bool  # False: no answer is sure enough yet, so none is served by meaning
    width: float  # of the bar, in hundredths; the promise stands at `MARK`


MARK = 66.0


@dataclass(frozen=True, slots=True)
class Promises:
    """`lines` is empty before the first fit, or where nothing is promised."""

    labels: int
    has_fit: bool
    lines: tuple[PromiseLine, ...]


def promises(standing: Standing) -> Promises:
    """As the verifier's labels have it."""
    lines = []
    for told, promise in standing.promises.items():
        rate = float(told)
        width = min(100.0, MARK * promise.error_rate / rate) if rate else 0.0
        lines.append(
            PromiseLine(
                promised=words.rate(rate),
                expected=words.rate(promise.error_rate),
                hit_rate=words.percent(promise.hit_rate, 1),
                threshold="" if promise.threshold is None else f"{promise.threshold:.3f}",
                is_kept=promise.error_rate <= rate,
                serves=promise.threshold is not None,
                width=round(width, 2),
            )
        )
    return Promises(standing.labels, standing.fit is not None, tuple(lines))


@dataclass(frozen=True, slots=True)
class Precision:
    """What people said of hits that were drawn by chance."""

    share: str
    low: str
    high: str
    judged: int


def precision(report: Mapping[str, Any]) -> Precision | None:
    """Out of the review's report; None where nobody has judged a hit of the control sample yet."""
    told = report.get("precision", {}).get("all", {})
    if told.get("right") is None:
        return None
    share, low, high = (words.percent(told[name], 1) for name in ("right", "low", "high"))
    return Precision(share, low, high, told["judged"])
