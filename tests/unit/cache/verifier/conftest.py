"""A real label store, and workers on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from litellm_plugins.cache.backends import sqlite_labels
from litellm_plugins.cache.verifier.labels import LabelStore
from litellm_plugins.storage.sqlite import SqliteFile
from tests.unit.cache.verifier.workers import Deployment


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[LabelStore]:
    file = SqliteFile(tmp_path / "labels.db", schema=sqlite_labels.SCHEMA)
    yield sqlite_labels.SqliteLabelStore(file)
    await file.aclose()


@pytest.fixture
def deployment(store: LabelStore) -> Deployment:
    return Deployment(store)
