"""What the verifier's state comes to, for those who look after it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from litellm_plugins.cache.backends import sqlite_labels
from litellm_plugins.cache.verifier.features import NAMES
from litellm_plugins.cache.verifier.fitting import fit
from litellm_plugins.cache.verifier.labels import Label, domain_of
from litellm_plugins.cache.verifier.standing import Standing, standing
from litellm_plugins.settings import parse, promised_rates
from litellm_plugins.storage.sqlite import SqliteFile

SPACE = "fake:1"


@pytest.fixture
async def labels(tmp_path: Path) -> AsyncIterator[sqlite_labels.SqliteLabelStore]:
    file = SqliteFile(tmp_path / "labels.db", schema=sqlite_labels.SCHEMA)
    yield sqlite_labels.SqliteLabelStore(file)
    await file.aclose()


def label(similarity: float, *, right: bool) -> Label:
    features = np.zeros(len(NAMES))
    features[NAMES.index("similarity")] = similarity
    return Label(features, right, 1.0, 1, 0.0)


async def test_before_the_first_fit_there_is_a_count(labels: sqlite_labels.SqliteLabelStore) -> None:
    assert await standing(labels, space=SPACE, rates=[0.01]) == Standing(0)
    await labels.add_label(domain_of(SPACE), label(0.9, right=True))
    assert await standing(labels, space=SPACE, rates=[0.01]) == Standing(1)


async def test_each_promised_rate_has_its_operating_point(labels: sqlite_labels.SqliteLabelStore) -> None:
    """The more errors are allowed, the more is served; never more than was promised."""
    draws = np.random.default_rng(7)
    similar = draws.uniform(0.3, 1.0, 400)
    taught = [label(float(s), right=bool(draws.random() < s**3)) for s in similar]
    counts = np.zeros(4, np.uint32)
    made = fit(taught, version=400, prior=None, word_counts=counts, questions=0, popularity={})
    await labels.save_fit(domain_of(SPACE), 400, made.to_bytes())

    told = await standing(labels, space=SPACE, rates=[0.0001, 0.05, 0.2])
    assert told.fit == 400
    nothing, some, more = told.promises["0.0001"], told.promises["0.05"], told.promises["0.2"]
    assert (nothing.threshold, nothing.hit_rate) == (None, 0.0)
    assert some.threshold is not None
    assert more.threshold is not None
    assert some.threshold >= more.threshold
    assert 0 < some.hit_rate <= more.hit_rate
    assert 0 < some.error_rate <= 0.05
    assert more.error_rate <= 0.2


async def test_a_fit_that_cannot_be_read_is_none(labels: sqlite_labels.SqliteLabelStore) -> None:
    await labels.save_fit(domain_of(SPACE), 400, b"another version's")
    assert (await standing(labels, space=SPACE, rates=[0.01])).fit is None


def test_the_rates_are_all_that_are_promised_to_anybody() -> None:
    settings = parse(
        {
            "cache": {"enabled": True, "semantic": {"max_error_rate": 0.01}},
            "per_team": {
                "drafts": {"cache": {"semantic": {"max_error_rate": 0.03}}},
                "fixed": {"cache": {"semantic": {"threshold": 0.9}}},
                "off": {"cache": {"enabled": False, "semantic": {"max_error_rate": 0.1}}},
            },
        }
    )
    assert promised_rates(settings) == [0.01, 0.03]
    assert promised_rates(parse({"cache": {"enabled": True, "semantic": {"threshold": 0.9}}})) == []
