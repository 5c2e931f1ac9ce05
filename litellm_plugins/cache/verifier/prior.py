"""What a verifier knows before it has seen anything: weights fitted on public data, by `tools/fit_prior.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson

from litellm_plugins.cache.verifier.features import FEATURE_VERSION
from litellm_plugins.cache.verifier.logistic import Model

SHIPPED = Path(__file__).parent / "priors"


def shipped_prior(space: str) -> Model | None:
    """The weights for that embedder and these features; None: similarity means something else there."""
    for path in sorted(SHIPPED.glob("*.json")):
        prior = orjson.loads(path.read_bytes())
        if prior["space"] == space and prior["feature_version"] == FEATURE_VERSION:
            return Model(*(np.array(prior[name], np.float64) for name in ("mean", "scale", "weights")))
    return None


def write_prior(path: Path, model: Model, *, space: str) -> None:
    """Write weights where `shipped_prior` finds them."""
    content = {
        "space": space,
        "feature_version": FEATURE_VERSION,
        **{name: [float(f"{x:.6g}") for x in getattr(model, name)] for name in ("mean", "scale", "weights")},
    }
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
