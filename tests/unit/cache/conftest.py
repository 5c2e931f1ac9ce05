"""What the cache's tests share."""

import pytest

from tests.unit.cache.world import World


@pytest.fixture
def world() -> World:
    """A fresh cache, empty."""
    return World()
