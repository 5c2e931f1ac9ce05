"""Tells the other workers where this one's conversations went, and learns of theirs; beside the requests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.routing.session import Held

if TYPE_CHECKING:
    from litellm_plugins.routing.session_memory import SessionMemory
    from litellm_plugins.routing.session_store import SessionStore

EVERY_S = 1.0  # people take longer for their next turn
_FAILED_FACTOR = 10  # of that time, until a store that failed is asked again
_LAST_S = 2.0  # of closing, for telling the rest


class SessionSharing:
    """One for each worker. Where the store fails, it knows its own conversations, as alone, and tries again."""

    def __init__(
        self,
        memory: SessionMemory,
        store: SessionStore,
        *,
        failed: Callable[[str, str], None],
        every_s: float = EVERY_S,
    ) -> None:
        self._memory, self._store, self._failed, self._every_s = memory, store, failed, every_s
        self._worker, self._cursor = uuid.uuid4().hex, ""
        self._body = b""  # in hand: not yet known to have arrived
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    def start(self) -> None:
        """Once; the loop is there with the first request."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def sync(self) -> bool:
        """Tell what is new and learn; False where the store cannot."""
        async with self._lock:
            try:
                self._body = self._body or as_bytes(self._memory.news())
                if self._body:
                    await self._store.add(self._worker, self._body, now_ms=round(self._memory.clock() * 1_000))
                    self._body = b""
                found, self._cursor = await self._store.since(self._cursor, self._worker)
            except StoreUnavailable as exc:
                self._failed(exc.reason, type(exc).__name__)
                return False
            for told in found:
                with contextlib.suppress(ValueError, TypeError, AttributeError):  # of another version
                    self._memory.learn(from_bytes(told))
            return True

    async def aclose(self) -> None:
        """Tell the last of it, and close the store."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_S):
                    await self.sync()
        await self._store.aclose()

    async def _run(self) -> None:
        while True:
            told = await self.sync()
            await asyncio.sleep(self._every_s if told else _FAILED_FACTOR * self._every_s)


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
