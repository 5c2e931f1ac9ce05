"""A store and an embedder in memory, which break or hang when they are told to."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from litellm_plugins.cache.store import Entry, Neighbour, Selector, StoreStats
from litellm_plugins.embedding.embedder import EmbedderUnavailable, Embedding
from litellm_plugins.errors import StoreUnavailable

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector


class Clock:
    """A time that only a test moves."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class FakeStore:
    """Keeps `CacheStore` in a dict. `broken` names the methods that fail, `hanging` those that hang."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, bytes], tuple[Entry, Vector | None, str]] = {}
        self.broken: set[str] = set()
        self.hanging: set[str] = set()
        self.calls: list[str] = []
        self.gone: set[bytes] = set()  # found by `nearest`, and taken away before `get`
        self.closed = 0

    async def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.broken:
            raise StoreUnavailable("store_busy", "made so by the test")
        if name in self.hanging:
            await asyncio.Event().wait()

    async def get(self, tenant: str, key: bytes) -> Entry | None:
        await self._called("get")
        return None if key in self.gone else self.entries.get((tenant, key), (None,))[0]

    async def nearest(self, tenant: str, partition: bytes, vector: Vector, *, space: str, k: int) -> list[Neighbour]:
        await self._called("nearest")
        found = [
            Neighbour(
                entry.key, entry.question or "", float(other @ vector), entry.answer_id, entry.origin, entry.created_at
            )
            for (owner, _), (entry, other, place) in self.entries.items()
            if owner == tenant and entry.partition == partition and place == space and other is not None
        ]
        return sorted(found, key=lambda n: -n.similarity)[:k]

    async def put(self, tenant: str, entry: Entry, *, vector: Vector | None, space: str) -> None:
        await self._called("put")
        self.entries[tenant, entry.key] = (entry, vector, space)

    async def extend(self, tenant: str, key: bytes, expires_at: float) -> None:
        await self._called("extend")
        entry, vector, space = self.entries[tenant, key]
        self.entries[tenant, key] = (replace(entry, expires_at=max(expires_at, entry.expires_at)), vector, space)

    async def find(self, selector: Selector, *, limit: int) -> list[tuple[str, Entry]]:
        raise NotImplementedError  # for administrators: no request ever comes here

    async def remove(self, selector: Selector) -> int:
        await self._called("remove")
        named = [place for place, (entry, _, _) in self.entries.items() if _names(selector, place[0], entry)]
        for place in named:
            del self.entries[place]
        return len(named)

    async def count(self, selector: Selector) -> int:
        if "count" in self.broken:
            raise StoreUnavailable("store_busy", "made so by the test")
        return sum(_names(selector, tenant, entry) for (tenant, _), (entry, _, _) in self.entries.items())

    async def stats(self) -> StoreStats:
        raise NotImplementedError  # likewise

    async def aclose(self) -> None:
        self.closed += 1

    @property
    def only(self) -> Entry:
        """The one entry that was put."""
        ((entry, _, _),) = self.entries.values()
        return entry


def _names(selector: Selector, tenant: str, entry: Entry) -> bool:
    """By tenant, id and tag, which is all that a request ever asks for."""
    return (
        selector.tenant in (None, tenant)
        and selector.cache_id in (None, entry.cache_id)
        and (selector.tag is None or selector.tag in entry.tags)
    )


class FakeEmbedder:
    """Places a text by the angle that `angles` gives it, in degrees; one it has not heard of lies at 90."""

    dimensions = 2

    def __init__(self, *, model_id: str = "fake:1", **angles: float) -> None:
        self.model_id = model_id
        self.angles = angles
        self.asked: list[str] = []
        self.broken = self.hanging = self.partial = False
        self.closed = 0

    async def embed(self, text: str) -> Embedding:
        self.asked.append(text)
        if self.broken:
            raise EmbedderUnavailable("queue_full")
        if self.hanging:
            await asyncio.Event().wait()
        angle = np.radians(self.angles.get(text, 90.0))
        return Embedding(np.array([np.cos(angle), np.sin(angle)], np.float32), partial=self.partial)

    async def aclose(self) -> None:
        self.closed += 1
