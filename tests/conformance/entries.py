"""Entries and vectors for whatever keeps `CacheStore`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from litellm_plugins.cache.store import Entry

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector

NOW = 1_700_000_000.0
SPACE = "fake:1"


def key_of(name: str) -> bytes:
    """32 bytes that stand for `name`."""
    return hashlib.sha256(name.encode()).digest()


HOME = key_of("the usual partition")


def entry(name: str = "a", **different: Any) -> Entry:
    """An entry that lives for an hour, its question being its name."""
    fields: dict[str, Any] = {
        "key": key_of(name),
        "partition": HOME,
        "question": name,
        "body": b'{"said":"%s"}' % name.encode(),
        "model": "gpt-small",
        "provider": "openai",
        "cost_nano_usd": 1_234,
        "prompt_tokens": 12,
        "completion_tokens": 5,
        "created_at": NOW,
        "expires_at": NOW + 3_600,
    }
    return Entry(**(fields | different))


def at(degrees: float) -> Vector:
    """The unit vector at an angle: two of them are `cos` of the angle between alike."""
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), 0, 0], np.float32)
