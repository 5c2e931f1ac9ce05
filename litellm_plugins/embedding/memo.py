"""An embedder that remembers: one text costs one embedding, however often and by how many it is asked."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

from litellm_plugins.embedding.embedder import EmbedderUnavailable, Embedding

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Embedder


class MemoEmbedder:
    """An `Embedder` before another one; it owns that one and closes it. For use from one event loop.

    Keeps the `max_entries` texts used last, by digest and not by text, so that a prompt of megabytes costs no
    more memory than a short one (384 dimensions: about 2 kB). Vectors are shared, so they are made read-only.
    """

    def __init__(self, inner: Embedder, *, max_entries: int = 4096) -> None:
        if max_entries < 1:
            raise ValueError(f"max_entries is {max_entries}; at least 1 is needed")
        self._inner = inner
        self._max_entries = max_entries
        self._known: OrderedDict[bytes, Embedding] = OrderedDict()  # least recently used first
        self._flights: dict[bytes, asyncio.Task[Embedding]] = {}
        self._closed = False

    @property
    def model_id(self) -> str:
        return self._inner.model_id

    @property
    def dimensions(self) -> int:
        return self._inner.dimensions

    async def embed(self, text: str) -> Embedding:
        if self._closed:
            raise EmbedderUnavailable("closed")
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        if key not in self._flights:
            self._flights[key] = asyncio.create_task(self._ask(key, text))
        # Shielded: an asker who gives up must not take the answer from the others who wait for it.
        return await asyncio.shield(self._flights[key])

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._inner.aclose()
        await asyncio.gather(*self._flights.values(), return_exceptions=True)
        self._known.clear()

    async def _ask(self, key: bytes, text: str) -> Embedding:
        try:
            embedding = await self._inner.embed(text)
        finally:
            del self._flights[key]
        embedding.vector.setflags(write=False)
        self._known[key] = embedding
        if len(self._known) > self._max_entries:
            self._known.popitem(last=False)
        return embedding
