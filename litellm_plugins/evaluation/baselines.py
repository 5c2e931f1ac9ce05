"""What a plain cosine would have done on the same stream: fixed thresholds, and one that is calibrated as it goes."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from litellm_plugins.cache.verifier.schedule import is_due
from litellm_plugins.evaluation.stream import Asked, Outcomes

Vectors = npt.NDArray[np.float32]  # shape (requests, dimensions), unit length

STATIC = (0.80, 0.90, 0.95)
_CHECKS = 0.05  # share of the calibrated cosine's hits that are answered afresh


def static(asked: Sequence[Asked], vectors: Vectors, threshold: float) -> Outcomes:
    """The nearest question's answer wherever its cosine reaches `threshold`."""
    return _run(asked, vectors, lambda _: threshold)


def calibrated(asked: Sequence[Asked], vectors: Vectors, rate: float, seed: int = 0) -> Outcomes:
    """The lowest threshold whose labels so far, weighted by their chance, showed at most `rate` errors per request."""
    return _run(asked, vectors, _Calibration(rate, random.Random(seed)))  # noqa: S311 - an experiment to repeat


class _Calibration:
    def __init__(self, rate: float, chance: random.Random) -> None:
        self._rate, self._chance = rate, chance
        self._labels: list[tuple[float, bool, float]] = []
        self._threshold = 2.0

    def __call__(self, _: float) -> float:
        return self._threshold

    def is_checked(self) -> bool:
        return self._chance.random() < _CHECKS

    def learn(self, similarity: float, *, right: bool, was_hit: bool, requests: int) -> None:
        self._labels.append((similarity, right, 1 / _CHECKS if was_hit else 1.0))
        if not is_due(len(self._labels)):
            return
        ranked = sorted(self._labels, key=lambda label: -label[0])
        errors = np.cumsum([weight * (not ok) for _, ok, weight in ranked])
        within = np.flatnonzero(errors / requests <= self._rate)
        self._threshold = ranked[within[-1]][0] if len(within) else 2.0


def _run(asked: Sequence[Asked], vectors: Vectors, threshold: object) -> Outcomes:
    stored = np.zeros_like(vectors)
    groups: list[str] = []
    known: dict[str, str] = {}
    hit, wrong = [], []
    for number, (one, vector) in enumerate(zip(asked, vectors, strict=True), 1):
        served: str | None = known.get(one.text)
        if served is None:
            served = _nearest(one, vector, stored, groups, threshold, number)
        hit.append(served is not None)
        wrong.append(served is not None and served != one.group)
        if served is None:
            known[one.text] = one.group
            stored[len(groups)] = vector
            groups.append(one.group)
    return Outcomes(hit, wrong)


def _nearest(
    one: Asked, vector: npt.NDArray[np.float32], stored: Vectors, groups: list[str], threshold: object, number: int
) -> str | None:
    if not groups:
        return None
    similar = stored[: len(groups)] @ vector
    best = int(np.argmax(similar))
    similarity = float(similar[best])
    assert callable(threshold)  # noqa: S101 - a number's function, or a calibration
    is_hit = similarity >= threshold(similarity)
    if not isinstance(threshold, _Calibration):
        return groups[best] if is_hit else None
    if is_hit and not threshold.is_checked():
        return groups[best]
    threshold.learn(similarity, right=groups[best] == one.group, was_hit=is_hit, requests=number)
    return None
