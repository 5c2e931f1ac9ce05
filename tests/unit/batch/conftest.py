"""The scene of every test of the worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from litellm_plugins.batch.backends.sqlite import SCHEMA, SqliteQueue
from litellm_plugins.storage.sqlite import SqliteFile
from tests.unit.batch.scenes import Scene


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    store = SqliteQueue(SqliteFile(tmp_path / "queue.db", schema=SCHEMA))
    yield Scene(store)
    await store.aclose()
