"""Through what the workers tell each other of their prompts: a protocol. Hashes, counts and times; no text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from litellm_plugins.storage.exchange import Feed

KEEP_SIGHTS_MS = 65 * 60_000  # an hour is the longest lifetime at a provider
KEEP_FAMILIES_MS = 7 * 86_400_000
MOST_SIGHTS = 2_000  # batches of them
FORGET_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Told:
    """Of one family, what happened since it was told last: counts to add, and how it stands now."""

    counts: Mapping[str, int]
    last: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What one worker has to tell, once: however often it is given, it counts once."""

    id: str
    worker: str
    families: Mapping[str, Told] = field(default_factory=dict)
    sights: bytes = b""


@dataclass(frozen=True, slots=True)
class Kept:
    """Of one family, over all workers."""

    since_ms: int
    counts: Mapping[str, int]
    last: bytes  # as whichever worker told last


class PromptStore(Feed, Protocol):
    """`Feed.since` tells sights. Every method raises `StoreUnavailable` where the store cannot do it."""

    async def add(self, batch: Batch, *, now_ms: int) -> bool:
        """Add all of it, or nothing. False where that was done before. What is too old is forgotten on the way."""

    async def families(self) -> dict[str, Kept]:
        """All that are kept."""
