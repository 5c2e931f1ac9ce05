"""Tells the other workers what this one saw of prompts, and learns what they saw; beside the requests."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.prompt_caching.store import Batch, Told
from litellm_plugins.prompt_caching.telling import counts_of, family_of, last_of, sights_as_bytes, sights_from
from litellm_plugins.storage.exchange import Exchange

if TYPE_CHECKING:
    from litellm_plugins.prompt_caching.families import Families
    from litellm_plugins.prompt_caching.family import Family
    from litellm_plugins.prompt_caching.store import PromptStore

EVERY_S = 1.0  # far below the shortest lifetime at a provider, 5 minutes
_MOST_AT_ONCE = 2_000  # prefixes in one batch: the newest


class Sharing(Exchange):
    """One for each worker. Where the store fails, it knows its own requests, as alone, and tries again."""

    def __init__(
        self, families: Families, store: PromptStore, *, failed: Callable[[str, str], None], every_s: float = EVERY_S
    ) -> None:
        super().__init__(store, failed=failed, every_s=every_s)
        self._families, self._store = families, store
        self._batch: Batch | None = None  # in hand: not yet known to have arrived

    async def all(self) -> list[Family] | None:
        """The families of all workers; None where the store cannot say."""
        if not await self.sync():
            return None
        try:
            kept = await self._store.families()
        except StoreUnavailable as exc:
            self._failed(exc.reason, type(exc).__name__)
            return None
        found = []
        for name, each in kept.items():
            with contextlib.suppress(ValueError, KeyError):  # of another version
                found.append(family_of(name, each))
        return found

    async def _tell(self) -> None:
        batch = self._batch or self._next()
        if batch is None:
            return
        self._batch = batch
        await self._store.add(batch, now_ms=round(self._families.clock() * 1_000))
        self._batch = None

    def _next(self) -> Batch | None:
        sights, changed = self._families.news(), self._families.changed()
        if not sights and not changed:
            return None
        newest = dict(islice(reversed(sights.items()), _MOST_AT_ONCE))
        told: dict[str, Told] = {}
        for family in changed:
            counts = counts_of(family)
            more = {name: times - family.shared.get(name, 0) for name, times in counts.items()}
            told[family.id] = Told({name: times for name, times in more.items() if times}, last_of(family))
            family.shared = counts
        last_s = {family.id: family.last_s for family in changed}
        return Batch(uuid.uuid4().hex, self._worker, told, sights_as_bytes(newest, last_s))

    def _learn(self, told: bytes) -> None:
        with contextlib.suppress(ValueError, KeyError, TypeError):  # of another version
            self._families.learn(*sights_from(told))
