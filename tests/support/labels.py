"""A verifier that has learnt: fits to made-up labels, put where a running proxy finds them."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from litellm_plugins.cache.store import Neighbour
from litellm_plugins.cache.verifier import fitting
from litellm_plugins.cache.verifier.features import candidate
from litellm_plugins.cache.verifier.labels import Label, domain_of
from litellm_plugins.cache.verifier.words import WordCounts

_LABELS, _RIGHT, _NOISE = 1_000, 0.9, 0.1
_HITS = 200  # each label stands for so many hits: even the surest alone is too much for one in a hundred
_VERSION = 10_000


def be_of_two_minds(database: Path, space: str) -> None:
    """Pairs of questions that differ in a word are served if one in five may be wrong, and not if one in a hundred."""
    asked, cached = "How do I close my savings account?", "How can I close my savings account?"
    near = Neighbour(b"key", cached, 0.86, b"answer", "team:support", 1.0)
    words = WordCounts()
    found = candidate(asked, [near], words, {})
    assert found is not None
    drawn, typical = np.random.default_rng(4), found.features
    labels = [
        Label(
            typical + _NOISE * drawn.normal(size=typical.size) * (np.abs(typical) + 0.1),
            right=bool(drawn.random() < _RIGHT),
            weight=_HITS,
            requests=_HITS,
            created_at=time.time(),
        )
        for _ in range(_LABELS)
    ]
    fit = fitting.fit(labels, version=_VERSION, prior=None, word_counts=words.counts, questions=0, popularity={})
    with closing(sqlite3.connect(database, timeout=10)) as db, db:
        row = (domain_of(space), _VERSION, fit.to_bytes())
        db.execute("INSERT OR REPLACE INTO verifier_fits (domain, version, fit) VALUES (?, ?, ?)", row)
