"""The weights that a verifier starts from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from litellm_plugins.cache.verifier import prior
from litellm_plugins.cache.verifier.features import NAMES, candidate
from litellm_plugins.cache.verifier.prior import shipped_prior, write_prior
from litellm_plugins.cache.verifier.words import WordCounts
from litellm_plugins.embedding.local import LocalEmbedder
from tests.unit.cache.verifier.samples import by_similarity, features, neighbour


def test_the_bundled_embedder_has_one_that_fits_the_features() -> None:
    """After a change of features, or of the model, `tools/fit_prior.py` has to be run again."""
    model = shipped_prior(LocalEmbedder().model_id)
    assert model is not None
    assert model.mean.shape == model.scale.shape == (len(NAMES),)
    assert (model.scale > 0).all()
    assert np.isfinite(model.probabilities(features()[None])).all()


def test_the_shipped_one_doubts_the_more_the_farther_a_question_lies() -> None:
    model = shipped_prior(LocalEmbedder().model_id)
    assert model is not None

    def of(similarity: float, asked: str, cached: str) -> float:
        near, far = neighbour(cached, similarity, "a"), neighbour("What is a webhook?", 0.2, "b")
        found = candidate(asked, [near, far], WordCounts(), {b"a": 1, b"b": 1})
        assert found is not None
        return float(model.probabilities(found.features[None])[0])

    asked = "How do I reset my password?"
    same, other = of(0.99, asked, "How do I reset my password"), of(0.5, asked, "How do I change my address?")
    assert same > other > of(0.3, asked, "Who founded Netflix?")
    assert same > 0.4
    assert other < 0.2


@pytest.mark.parametrize("space", ["", "another-model", "all-MiniLM-L6-v2"])
def test_another_embedder_has_none(space: str) -> None:
    """Its cosines mean something else."""
    assert shipped_prior(space) is None


def test_what_is_written_is_found_by_its_space_and_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prior, "SHIPPED", tmp_path / "priors")
    model = by_similarity()
    write_prior(tmp_path / "priors" / "one.json", model, space="one")
    write_prior(tmp_path / "priors" / "two.json", by_similarity(even=0.5), space="two")
    found = shipped_prior("one")
    assert found is not None
    row = features(similarity=0.77)[None]
    assert found.probabilities(row) == pytest.approx(model.probabilities(row), rel=1e-4)
    assert shipped_prior("three") is None


def test_one_made_for_other_features_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its weights would stand at the wrong names."""
    monkeypatch.setattr(prior, "SHIPPED", tmp_path)
    monkeypatch.setattr(prior, "FEATURE_VERSION", 999)
    write_prior(tmp_path / "one.json", by_similarity(), space="one")
    monkeypatch.undo()
    monkeypatch.setattr(prior, "SHIPPED", tmp_path)
    assert shipped_prior("one") is None
