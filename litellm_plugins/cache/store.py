"""Where entries are kept: the protocol that every backend keeps, and what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored answer. Times are UNIX seconds."""

    key: bytes  # the exact key, 32 bytes
    partition: bytes
    question: str | None  # set where the semantic layer may match it
    body: bytes  # the answer as JSON, in the wire shape of its endpoint
    model: str
    provider: str
    cost_nano_usd: int  # what the provider charged, and so what a hit saves
    prompt_tokens: int
    completion_tokens: int
    created_at: float
    expires_at: float

    @property
    def cache_id(self) -> str:
        """The public handle of the entry: header `x-litellm-plugins-cache-id`, trace, admin routes."""
        return self.key.hex()[:32]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A candidate: what was asked, and the cosine similarity of the two questions (higher is nearer)."""

    key: bytes
    question: str
    similarity: float


class CacheStore(Protocol):
    """A keeper of entries. `tenant` is always named: no call can see across tenants.

    Every method raises `StoreUnavailable` when the store cannot answer.
    """

    async def get(self, tenant: str, key: bytes) -> Entry | None:
        """The live entry under `key`, or None when there is none or it has expired."""

    async def nearest(self, tenant: str, partition: bytes, vector: Vector, *, space: str, k: int) -> list[Neighbour]:
        """Up to `k` live entries of the partition, nearest first; only those embedded in the same `space`."""

    async def put(self, tenant: str, entry: Entry, *, vector: Vector | None, space: str) -> None:
        """Keep `entry`, in place of an older one under the same key; the same entry twice is no harm."""

    async def aclose(self) -> None:
        """Let go of files, threads and connections."""
