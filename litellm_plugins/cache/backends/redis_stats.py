"""Adding up entries one by one, where a store cannot do it itself."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from litellm_plugins.cache.store import StoreStats

if TYPE_CHECKING:
    from litellm_plugins.cache.store import Entry


class Sum:
    """`StoreStats` in the making."""

    def __init__(self) -> None:
        self._entries = self._bytes = self._pinned = 0
        self._oldest: float | None = None
        self._newest: float | None = None
        self._by: dict[str, Counter[str]] = {
            name: Counter() for name in ("tenant", "namespace", "model_group", "volatility")
        }

    def add(self, tenant: str, entry: Entry, size: int) -> None:
        """One more entry, of so many bytes."""
        self._entries += 1
        self._bytes += size
        self._pinned += entry.pinned
        self._oldest = entry.created_at if self._oldest is None else min(self._oldest, entry.created_at)
        self._newest = entry.created_at if self._newest is None else max(self._newest, entry.created_at)
        values = (tenant, entry.namespace, entry.model_group, entry.volatility)
        for counted, value in zip(self._by.values(), values, strict=True):
            counted[value] += 1

    @property
    def stats(self) -> StoreStats:
        """What they add up to."""
        by = {name: dict(counted) for name, counted in self._by.items()}
        return StoreStats(self._entries, self._bytes, self._pinned, self._oldest, self._newest, by)
