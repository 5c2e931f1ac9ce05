"""Moving encrypted entries to another embedding space: their questions are opened, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from litellm_plugins.cache.spaces import Batch, Elsewhere, SpaceStore

if TYPE_CHECKING:
    from litellm_plugins.cache.backends.encrypted import EncryptedStore
    from litellm_plugins.embedding.embedder import Vector


class EncryptedSpaces:
    """Keeps `SpaceStore` over `inner`, which lies beside what `entries` encrypts.

    What none of the keys opens, and what was never encrypted, counts as elsewhere and is not found there.
    """

    def __init__(self, inner: SpaceStore, entries: EncryptedStore) -> None:
        self._inner, self._entries = inner, entries

    async def count_elsewhere(self, space: str) -> int:
        return await self._inner.count_elsewhere(space)

    async def elsewhere(self, space: str, *, after: str | None, limit: int) -> Batch:
        batch = await self._inner.elsewhere(space, after=after, limit=limit)
        return replace(batch, found=tuple(each for each in map(self._opened, batch.found) if each))

    async def move(self, found: Elsewhere, *, vector: Vector | None, space: str) -> bool:
        return await self._inner.move(found, vector=vector, space=space)

    async def claim(self, owner: str, for_s: float) -> bool:
        return await self._inner.claim(owner, for_s)

    def _opened(self, found: Elsewhere) -> Elsewhere | None:
        question = self._entries.opened_question(found.tenant, found.key, found.question)
        return None if question is None else replace(found, question=question)
