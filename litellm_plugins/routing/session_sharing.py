"""Tells the other workers where this one's conversations went, and learns of theirs; beside the requests."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from litellm_plugins.routing.session import Held
from litellm_plugins.storage.exchange import Exchange

if TYPE_CHECKING:
    from litellm_plugins.routing.session_memory import SessionMemory
    from litellm_plugins.routing.session_store import SessionStore

EVERY_S = 1.0  # people take longer for their next turn
_LAST_S = 2.0  # of closing, for telling the rest


class SessionSharing(Exchange):
    """One for each worker. Where the store fails, it knows its own conversations, as alone, and tries again."""

    def __init__(
        self,
        memory: SessionMemory,
        store: SessionStore,
        *,
        failed: Callable[[str, str], None],
        every_s: float = EVERY_S,
    ) -> None:
        super().__init__(store, failed=failed, every_s=every_s, last_s=_LAST_S)
        self._memory, self._store = memory, store
        self._body = b""  # in hand: not yet known to have arrived

    async def _tell(self) -> None:
        self._body = self._body or as_bytes(self._memory.news())
        if self._body:
            await self._store.add(self._worker, self._body, now_ms=round(self._memory.clock() * 1_000))
            self._body = b""

    def _learn(self, told: bytes) -> None:
        with contextlib.suppress(ValueError, TypeError, AttributeError):  # of another version
            self._memory.learn(from_bytes(told))


def as_bytes(news: Mapping[bytes, Held]) -> bytes:
    """Empty where there is none."""
    rows = [[name.hex(), held.tier, held.model, held.tokens, held.until_s] for name, held in news.items()]
    return json.dumps(rows, separators=(",", ":")).encode() if rows else b""


def from_bytes(told: bytes) -> dict[bytes, Held]:
    """What `as_bytes` was given. Raises: ValueError, TypeError, AttributeError."""
    return {
        bytes.fromhex(name): Held(str(tier), str(model), int(tokens), float(until_s))
        for name, tier, model, tokens, until_s in json.loads(told)
    }
