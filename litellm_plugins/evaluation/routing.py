"""How well a scorer tells the prompts that need the strong model from those that do not, and what that costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from litellm_plugins.evaluation import routing_controls
from litellm_plugins.evaluation.routing_curve import (
    Ranking,
    accumulated,
    interval,
    rank,
    recovered,
    resampled_areas,
)
from litellm_plugins.evaluation.routing_rows import Judged
from litellm_plugins.evaluation.rows import BadRows
from litellm_plugins.routing.conversation import of_text
from litellm_plugins.routing.scoring import Scorer

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector
    from litellm_plugins.evaluation.routing_curve import Floats

    Embed = Callable[[str], Awaitable[Vector]]

_SHARES = tuple(round(0.1 * step, 1) for step in range(11))
SAMPLES = 1_000
_TIMED = 1_000  # decisions that are timed of one `judge`: enough for a p99, and an embedding takes its milliseconds


@dataclass(frozen=True, slots=True)
class Scored:
    """What one scorer said of every row."""

    name: str
    values: Floats
    decision_ms: Floats
    """Of the decisions that were timed, in no order."""


async def judge(
    scorer: Scorer,
    prompts: Sequence[str],
    embed: Embed | None = None,
    progress: Callable[[], None] = lambda: None,
    *,
    repeats: int = 1,
) -> Scored:
    """Score every prompt; time it, or of many an evenly spread thousand at most.

    Args:
        scorer: that is asked.
        prompts: bare ones.
        embed: gives the vector, for a scorer that needs it; its time counts into the decision's.
        progress: called after each prompt.
        repeats: of each decision that is timed; the median of its times counts, so that with three what a busy machine
            does in between is not taken for the scorer's.
    """
    values, took = [], []
    every = max(1, ceil(len(prompts) / _TIMED))
    for at, prompt in enumerate(prompts):
        times = []
        timed = at % every == 0
        for _ in range(repeats if timed else 1):
            start = time.perf_counter()
            vector = await embed(prompt) if embed is not None and scorer.needs_embedding else None
            value = scorer.score(of_text(prompt), vector).value
            times.append((time.perf_counter() - start) * 1_000)
        values.append(value)
        if timed:
            took.append(statistics.median(times))
        progress()
    return Scored(scorer.name, np.array(values), np.array(took))


def joined(parts: Sequence[tuple[Sequence[int], Scored]]) -> Scored:
    """What several scorers said of a part of the rows each, in the rows' order."""
    order = np.argsort(np.concatenate([np.array(indices) for indices, _ in parts]))
    values = np.concatenate([scored.values for _, scored in parts])[order]
    took = np.concatenate([scored.decision_ms for _, scored in parts])
    return Scored(parts[0][1].name, values, took)


def report(judged: Judged, scored: Scored, controls: Sequence[Scored], *, seed: int = 0) -> dict[str, Any]:
    """Every number of the table, the scorer's own at the top. Raises: BadRows, where there is no gap between the two.

    Args:
        judged: the rows.
        scored: the scorer that is measured.
        controls: others on the same rows; each is compared with it on the same resampled rows.
        seed: of the resampling.
    """
    gains = judged.strong - judged.weak
    everyone = [scored, *controls]
    rankings = [rank(each.values) for each in everyone]
    if recovered(rankings[0], gains) is None:
        raise BadRows("the strong model is not better than the weak one on these rows: there is no gap to recover")
    areas = resampled_areas(rankings, gains, samples=SAMPLES, seed=seed)
    results = [_of_ranking(judged, one, ranking) for one, ranking in zip(everyone, rankings, strict=True)]
    for number, result in enumerate(results):
        result["apgr_ci95"] = _rounded(interval(areas[:, number]))
    fixed = {name: _of_fixed(judged, share) for name, share in routing_controls.FIXED.items()}
    against = {
        f"apgr_minus_{one.name.replace('-', '_')}_ci95": _rounded(interval(areas[:, 0] - areas[:, number]))
        for number, one in enumerate(controls, 1)
    }
    return {
        "scorer": scored.name,
        "n": len(gains),
        "skipped": dict(judged.skipped),
        "weak_quality": round(float(judged.weak.mean()), 5),
        "strong_quality": round(float(judged.strong.mean()), 5),
        **results[0],
        **against,
        "controls": {one.name: result for one, result in zip(controls, results[1:], strict=True)} | fixed,
    }


def report_fixed(judged: Judged, name: str, controls: Sequence[Scored]) -> dict[str, Any]:
    """The same for a fixed tier, which ranks nothing."""
    table = report(judged, controls[0], controls)
    same = ("n", "skipped", "weak_quality", "strong_quality")
    fixed: dict[str, Any] = table["controls"][name]
    return {"scorer": name} | {key: table[key] for key in same} | fixed | {"controls": table["controls"]}


def curve_of(judged: Judged, scored: Scored) -> dict[str, Any]:
    """The scorer's curve alone, for rows at other prices."""
    return {"curve": _of_ranking(judged, scored, rank(scored.values))["curve"]}


def _of_ranking(judged: Judged, scored: Scored, ranking: Ranking) -> dict[str, Any]:
    gains = judged.strong - judged.weak
    curve = recovered(ranking, gains)
    assert curve is not None  # noqa: S101 - asked before
    dollars = None
    if judged.weak_usd is not None and judged.strong_usd is not None:
        dollars = accumulated(ranking, judged.strong_usd - judged.weak_usd)
    points = []
    for share in _SHARES:
        quality = float(judged.weak.mean()) + curve.at(share) * float(gains.mean())
        usd = None if dollars is None or judged.weak_usd is None else float(judged.weak_usd.mean()) + dollars.at(share)
        points.append(_point(share, quality, curve.at(share), usd))
    return {
        "apgr": round(curve.area(), 5),
        "cpt50": _rounded_one(curve.first_share(0.5)),
        "cpt80": _rounded_one(curve.first_share(0.8)),
        "decision_ms_p50": round(float(np.quantile(scored.decision_ms, 0.5)), 4),
        "decision_ms_p99": round(float(np.quantile(scored.decision_ms, 0.99)), 4),
        "curve": points,
    }


def _of_fixed(judged: Judged, share: float) -> dict[str, Any]:
    """A fixed tier has one point and no ranking: no APGR, and a CPT only where it recovers that much at all."""
    usd = judged.strong_usd if share else judged.weak_usd
    quality = judged.strong if share else judged.weak
    reached = share or None
    return {
        "apgr": None,
        "cpt50": reached,
        "cpt80": reached,
        "apgr_ci95": None,
        "decision_ms_p50": 0.0,
        "decision_ms_p99": 0.0,
        "curve": [_point(share, float(quality.mean()), share, None if usd is None else float(usd.mean()))],
    }


def _point(share: float, quality: float, pgr: float, usd: float | None) -> dict[str, float | None]:
    return {
        "share": share,
        "quality": round(quality, 5),
        "pgr": round(pgr, 5),
        "usd_per_request": None if usd is None else float(f"{usd:.6g}"),
    }


def _rounded(values: tuple[float, float] | None) -> list[float] | None:
    return None if values is None else [round(value, 5) for value in values]


def _rounded_one(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
