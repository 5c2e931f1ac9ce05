"""Fit a trained scorer to labelled prompts: kernel ridge on their embeddings, over the load. Pure numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from litellm_plugins.routing.outcomes import Labelled
from litellm_plugins.routing.scorers.load import weigh
from litellm_plugins.routing.scorers.trained import QUANTILES, Floats, TrainedScorer, fingerprints

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector

NARROWNESS = 1.5
PULL = 10.0
"""Ridge penalty of the kernel: ten observations' worth."""
LANDMARKS = 1_500
_FOLDS = 5
_LEAST_SLOPE = 0.005
"""Gain per unit of load: it is prior knowledge that more load needs the stronger model more, if only a little."""
_SOFT = 1e-3
FEWEST = 20


def fit(
    rows: Sequence[Labelled],
    embeddings: Sequence[Vector],
    prior: TrainedScorer | None = None,
    *,
    landmarks: int = LANDMARKS,
    pull: float = PULL,
    about: Mapping[str, Any] | None = None,
) -> TrainedScorer:
    """The scorer of these prompts; the same rows give the same one.

    Args:
        rows: prompts with what the weak and the strong model made of them.
        embeddings: one unit vector per row.
        prior: a scorer whose judgement the fit starts from, of which it then takes the landmarks; none, and the fit
            starts from the load alone.
        landmarks: at most so many of the rows are kept as places to measure nearness to.
        pull: ridge penalty of what questions nearby say, in observations.
        about: where the rows are from.

    Raises:
        ValueError: there are fewer than 20 rows, or not as many embeddings.
    """
    if len(rows) < FEWEST or len(rows) != len(embeddings):
        raise ValueError(f"{len(rows)} rows and {len(embeddings)} embeddings: at least {FEWEST} of both are needed")
    vectors = np.asarray(embeddings, dtype=np.float64)
    gains = np.array([row.strong - row.weak for row in rows])
    texts = [row.prompt for row in rows]
    base = np.array([weigh(text).value for text in texts]) if prior is None else prior.gains(texts, vectors)
    least = _LEAST_SLOPE if prior is None else 0.1
    unseen = np.empty(len(rows))
    fold_of = np.random.default_rng(0).permutation(len(rows)) % _FOLDS
    for fold in range(_FOLDS):
        out, rest = fold_of == fold, fold_of != fold
        bias, slope, places, weights = _fitted(base[rest], vectors[rest], gains[rest], (landmarks, pull), least)
        unseen[out] = bias + slope * base[out] + _kernel(vectors[out], places) @ weights
    calibration = platt(unseen, np.maximum(gains, 0.0))
    odds = np.clip(calibration[0] + calibration[1] * unseen, -30, 30)
    bias, slope, places, weights = _fitted(base, vectors, gains, (landmarks, pull), least)
    if prior is not None:
        bias, slope, places, weights = _over(prior, bias, slope, places, weights)
    seen = np.unique(np.concatenate([fingerprints(text) for text in texts] + ([prior.seen] if prior else [])))
    return TrainedScorer(
        bias=bias,
        slope=slope,
        narrowness=NARROWNESS,
        landmarks=places.astype(np.float16),
        weights=weights.astype(np.float32),
        calibration=calibration,
        seen=seen,
        about={"rows": len(rows), "score_quantiles": quantiles(1 / (1 + np.exp(-odds))), **(about or {})},
    )


def quantiles(scores: Floats) -> list[float]:
    """What `TrainedScorer.thresholds` reads: where `scores` fall into 60 equal parts."""
    return [round(float(each), 5) for each in np.quantile(scores, np.arange(1, QUANTILES) / QUANTILES)]


def platt(scores: Floats, happened: Floats, *, steps: int = 50) -> tuple[float, float]:
    """Intercept and slope of the log odds of `happened`, in [0, 1], by Newton steps; the slope is positive."""
    scale = float(scores.std()) or 1.0
    x = np.stack([np.ones(len(scores)), scores / scale], axis=1)
    weights = np.array([0.0, 0.1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        gradient = x.T @ (happened - p) - weights * [0.01, 1.0]
        bent = (x * (p * (1 - p))[:, None]).T @ x + np.diag([0.01, 1.0])
        step = np.linalg.solve(bent, gradient)
        weights = weights + step
        if float(np.abs(step).max()) < 1e-9:
            break
    return float(weights[0]), max(float(weights[1]), 0.05) / scale


def _fitted(
    base: Floats, vectors: Floats, gains: Floats, size: tuple[int, float], least: float
) -> tuple[float, float, Floats, Floats]:
    """Bias, slope, landmarks and their weights."""
    landmarks, pull = size
    centred = base - base.mean()
    slope = max(float(centred @ (gains - gains.mean())) / (float(centred @ centred) + 1e-9), least)
    left = gains - gains.mean() - slope * centred
    chosen = np.sort(np.random.default_rng(1).permutation(len(vectors))[:landmarks])
    places = vectors[chosen]
    among, across = _kernel(places, places), _kernel(vectors, places)
    among[np.diag_indices_from(among)] += _SOFT
    weights = np.linalg.solve(across.T @ across + pull * among, across.T @ left)
    return float(gains.mean() - slope * base.mean()), slope, places, weights


def _kernel(some: Floats, others: Floats) -> Floats:
    out: Floats = np.exp(-2 * NARROWNESS * (1 - some @ others.T))
    return out


def _over(
    prior: TrainedScorer, bias: float, slope: float, places: Floats, weights: Floats
) -> tuple[float, float, Floats, Floats]:
    """The sum of a scaled prior and of a correction, as one scorer. Raises: ValueError."""
    if prior.narrowness != NARROWNESS:
        raise ValueError(f"the prior measures nearness with {prior.narrowness}, not with {NARROWNESS}")
    old: npt.NDArray[np.float64] = prior.landmarks.astype(np.float64)
    return (
        bias + slope * prior.bias,
        slope * prior.slope,
        np.concatenate([places, old]),
        np.concatenate([weights, slope * prior.weights]),
    )
