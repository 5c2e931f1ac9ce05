"""A scorer fitted to one's own prompts takes the place of the current one only where it is shown to be better."""

from __future__ import annotations

import numpy as np
import pytest

from litellm_plugins.evaluation.routing_rows import Judged
from litellm_plugins.evaluation.routing_trial import trial
from litellm_plugins.evaluation.rows import BadRows
from litellm_plugins.routing.scorers.trained import shipped

DIMENSIONS = 384


def judged(n: int, *, signal: bool) -> tuple[Judged, list[np.ndarray]]:
    """Prompts of equal length and load; where there is a signal, the first coordinate says who needs the
    strong one: the other way round than what the shipped scorer happens to make of it."""
    rng = np.random.default_rng(7)
    vectors = rng.normal(size=(n, DIMENSIONS))
    vectors[:, 0] *= 30
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    hard = vectors[:, 0] < 0 if signal else rng.random(n) < 0.5
    rows = Judged(
        prompts=tuple(f"question number {i:05d}" for i in range(n)),
        weak=np.where(hard, 0.0, 1.0),
        strong=np.ones(n),
        weak_usd=None,
        strong_usd=None,
        skipped={},
    )
    return rows, [vector.astype(np.float32) for vector in vectors]


def test_what_is_shown_to_be_better_is_promoted() -> None:
    rows, vectors = judged(300, signal=True)
    found = trial(rows, vectors, shipped())

    assert found.is_better
    assert found.report["promoted"] is True
    assert found.report["apgr_minus_current_ci95"][0] > 0.1
    assert found.report["controls"].keys() == {"current", "random", "length", "always-weak", "always-strong"}
    assert all(found.scorer.has_seen(prompt) for prompt in rows.prompts)
    assert found.scorer.about["rows"] == 300
    gains = found.scorer.gains(rows.prompts, np.array(vectors))
    above = found.scorer.probabilities(gains) >= found.scorer.thresholds(2)[0]
    assert 0.4 < above.mean() < 0.6, "the rows that it was fitted on are parted in half"


def test_noise_is_not() -> None:
    rows, vectors = judged(300, signal=False)
    found = trial(rows, vectors, shipped())

    assert not found.is_better
    assert found.report["apgr_minus_current_ci95"][0] <= 0


def test_what_the_current_one_learnt_of_these_rows_does_not_count() -> None:
    """Else it would win by heart, and the fit would know its held-back rows through it."""
    rows, vectors = judged(300, signal=True)
    learnt = trial(rows, vectors, shipped()).scorer
    again = trial(rows, vectors, learnt)

    assert again.report["rows_in_current"] == 300
    assert again.report["controls"]["current"]["apgr"] < 0.7
    assert again.is_better


def test_too_few_rows_are_refused_in_words() -> None:
    rows, vectors = judged(99, signal=True)
    with pytest.raises(BadRows, match="99 labelled prompts: a comparison needs 100"):
        trial(rows, vectors, shipped())
