"""Whose texts are kept for a reviewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import litellm

from litellm_plugins.proxy.review.texts import may_keep
from litellm_plugins.settings.review import Review

if TYPE_CHECKING:
    import pytest


def test_texts_are_kept_unless_somebody_said_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    assert may_keep(Review())
    assert not may_keep(Review(keep_text=False))
    monkeypatch.setattr(litellm, "turn_off_message_logging", True)
    assert not may_keep(Review())
