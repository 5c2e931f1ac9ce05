"""Whose texts are kept for a reviewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import litellm

from litellm_plugins.model import CacheControls, Identity, Request
from litellm_plugins.proxy.review_recording import _may_keep
from litellm_plugins.settings.review import Review

if TYPE_CHECKING:
    import pytest


def request(*, no_store: bool = False) -> Request:
    return Request("chat", "m", (), {}, Identity(team_id="t"), controls=CacheControls(no_store=no_store))


def test_texts_are_kept_unless_somebody_said_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _may_keep(request(), Review())
    assert not _may_keep(request(no_store=True), Review())
    assert not _may_keep(request(), Review(keep_text=False))
    monkeypatch.setattr(litellm, "turn_off_message_logging", True)
    assert not _may_keep(request(), Review())
