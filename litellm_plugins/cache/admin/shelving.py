"""Putting answers that people wrote onto the shelf, see `cache/curated.py`."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from litellm_plugins.cache.admin.reading import Curation
from litellm_plugins.cache.curated import SHELF_TAG, Target, key_of, partition_of, tokens_about
from litellm_plugins.cache.curated_shapes import chat_body
from litellm_plugins.cache.store import CacheStore, Entry

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Embedder

_WRITTEN_BY = "curated"  # stands where a model's name does
_PROVIDER = "litellm_plugins"


class Shelver:
    """Embeds the questions and stores one entry for each."""

    def __init__(self, *, store: CacheStore, embedder: Embedder | None, clock: Callable[[], float] = time.time) -> None:
        self._store, self._embedder, self._clock = store, embedder, clock

    async def put(self, curation: Curation, *, pinned: bool, ttl_s: float | None) -> list[Entry]:
        """Raises: StoreUnavailable, EmbedderUnavailable."""
        return [await self._put(curation, question, pinned, ttl_s) for question in curation.questions]

    async def has(self, curation: Curation, *, pinned: bool) -> bool:
        """Whether every question has this very answer already."""
        for question in curation.questions:
            there = await self._store.get(curation.tenant, key_of(_target(curation), question))
            if there is None or (there.answer_id, there.tags, there.pinned) != (
                _answer_id(curation),
                _tags(curation),
                pinned,
            ):
                return False
        return True

    async def _put(self, curation: Curation, question: str, pinned: bool, ttl_s: float | None) -> Entry:
        embedding = await self._embedder.embed(question) if self._embedder else None
        matchable = embedding is not None and not embedding.partial
        target, now = _target(curation), self._clock()
        key = key_of(target, question)
        entry = Entry(
            key=key,
            partition=partition_of(target),
            question=question if matchable else None,
            body=chat_body(
                key.hex()[:32], curation.answer, model=curation.model_group or _WRITTEN_BY, created=int(now)
            ),
            model=curation.model_group or _WRITTEN_BY,
            provider=_PROVIDER,
            cost_nano_usd=0,
            prompt_tokens=0,
            completion_tokens=tokens_about(curation.answer),
            created_at=now,
            expires_at=now + (ttl_s or 0),
            answer_id=_answer_id(curation),
            origin=curation.tenant,
            model_group=curation.model_group or "",
            namespace=curation.namespace,
            tags=_tags(curation),
            volatility="curated" if pinned else "faq",
            pinned=pinned,
        )
        vector = embedding.vector if embedding is not None and matchable else None
        space = self._embedder.model_id if self._embedder else ""
        await self._store.put(curation.tenant, entry, vector=vector, space=space)
        return entry


def _target(curation: Curation) -> Target:
    return Target(curation.tenant, curation.namespace, curation.model_group, curation.system)


def _tags(curation: Curation) -> tuple[str, ...]:
    return tuple(sorted({*curation.tags, SHELF_TAG}))


def _answer_id(curation: Curation) -> bytes:
    return hashlib.sha256(curation.answer.encode("utf-8", "surrogatepass")).digest()[:16]
