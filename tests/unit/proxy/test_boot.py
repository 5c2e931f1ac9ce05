"""Which parts a config chooses."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from litellm_plugins.errors import SettingsError
from litellm_plugins.proxy.boot import build
from litellm_plugins.settings import parse


async def test_nothing_is_opened_before_the_first_request() -> None:
    """A server that is down, or not there at all, keeps no proxy from booting."""
    pack = build(parse({"storage": {"url": "rediss://nowhere.invalid:6379"}}))
    await pack.pipeline.aclose()


def test_redis_without_its_packages_stops_the_boot_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redisvl", None)
    with pytest.raises(SettingsError, match=r"storage\.url: Redis needs .* pip install 'litellm-plugins\[redis\]'"):
        build(parse({"storage": {"url": "redis://cache"}}))


@pytest.mark.parametrize(
    ("cache", "begins"),
    [
        ({"enabled": True}, True),
        ({"enabled": True, "semantic": {"reembed": False}}, False),
        ({"enabled": True, "semantic": {"enabled": False}}, False),
        ({"enabled": False}, False),
    ],
    ids=["by default", "switched off", "exact only", "no cache"],
)
async def test_stored_questions_are_read_again_where_that_is_of_use(
    cache: dict[str, Any], begins: bool, tmp_path: Path
) -> None:
    """A task that begins with the pipeline, and ends with it."""
    told = {"prometheus": False}  # a process can have its counters once
    pack = build(parse({"storage": {"url": f"sqlite:///{tmp_path}/cache.db"}, "cache": cache, "telemetry": told}))
    before = asyncio.all_tasks()
    pack.pipeline.start()
    begun = asyncio.all_tasks() - before
    assert bool(begun) is begins
    await pack.pipeline.aclose()
    assert all(task.done() for task in begun)
