"""Which store a config chooses."""

from __future__ import annotations

import sys

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
