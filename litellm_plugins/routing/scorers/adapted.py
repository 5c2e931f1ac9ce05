"""A scorer that was fitted to a user's own prompts, read from its file and checked before anything relies on it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from litellm_plugins.embedding.onnx_model import DIMENSIONS
from litellm_plugins.routing.scorers.trained import ArtefactUnusable, TrainedScorer, loads, shipped


def read(path: Path) -> TrainedScorer:
    """The scorer in the file, or in a folder as `trained.write` leaves it. Raises: ArtefactUnusable."""
    if path.is_dir():
        return _checked(shipped(path))
    try:
        content = path.read_bytes()
        sums = path.parent / "SHA256SUMS"
        lines = sums.read_text().splitlines() if sums.is_file() else []
    except (OSError, UnicodeDecodeError) as exc:
        raise ArtefactUnusable(str(exc)) from exc
    named = [line.split()[0] for line in lines if line.split()[1:] == [path.name]]
    if named and hashlib.sha256(content).hexdigest() not in named:
        raise ArtefactUnusable(f"{path} is not the file that {sums} names")
    return _checked(loads(content))


def _checked(scorer: TrainedScorer) -> TrainedScorer:
    made = scorer.landmarks.shape[1:]
    if len(scorer.landmarks) != len(scorer.weights) or (len(scorer.landmarks) and made != (DIMENSIONS,)):
        raise ArtefactUnusable(
            f"fitted on {len(scorer.landmarks)} vectors of {made} numbers; the bundled model's have {DIMENSIONS}"
        )
    numbers = (scorer.bias, scorer.slope, scorer.narrowness, *scorer.calibration)
    if not all(np.isfinite(part).all() for part in (numbers, scorer.landmarks, scorer.weights)):
        raise ArtefactUnusable("holds numbers that are none")
    return scorer
