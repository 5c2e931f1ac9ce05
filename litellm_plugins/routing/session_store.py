"""Through what workers tell each other where conversations went: a protocol. Hashes and names of models; no text."""

from __future__ import annotations

from typing import Protocol

from litellm_plugins.storage.exchange import Feed

KEEP_MS = 65 * 60_000  # what is older nobody is told; who has been told goes by the session's `ttl_s`
MOST = 2_000  # tellings


class SessionStore(Feed, Protocol):
    """Every method raises `StoreUnavailable` where the store cannot do it. What is told twice is heard twice."""

    async def add(self, worker: str, body: bytes, *, now_ms: int) -> None:
        """Tell it. What is too old, or too much, is forgotten on the way."""
