"""What the tests of the sinks share."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from litellm_plugins.telemetry.sinks.log import LOGGER


@pytest.fixture
def lines() -> Iterator[list[dict[str, object]]]:
    """Each line that the log sink wrote, parsed."""
    told: list[dict[str, object]] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(json.loads(record.getMessage()))  # type: ignore[method-assign]
    level = LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    yield told
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(level)
