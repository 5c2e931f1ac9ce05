"""Where entries are kept: the protocol that every backend keeps, and what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    answer_id: bytes = b""  # 16 bytes: entries whose answers say the same share it
    origin: str = ""  # the team or key that had it answered; where a tenant is shared, there are several
    model_group: str = ""
    namespace: str = ""
    tags: tuple[str, ...] = ()  # for invalidation, sorted
    volatility: str = ""  # the class that gave its lifetime; none where the client chose it
    pinned: bool = False  # curated: neither expires nor is evicted

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
    answer_id: bytes = b""
    origin: str = ""
    created_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Selector:
    """Which entries an administrator means: every field that is given must hold, and at least one must be given."""

    tenant: str | None = None
    cache_id: str | None = None
    tag: str | None = None
    namespace: str | None = None
    model_group: str | None = None
    text: str | None = None  # within the question, whatever the case
    pinned: bool | None = None  # True: curated only, False: all but those, None: either
    without_tag: str | None = None  # not those that bear it

    @property
    def is_empty(self) -> bool:
        """Whether nothing is given: that would mean everything, and no store takes it."""
        return self == Selector()


@dataclass(frozen=True, slots=True)
class StoreStats:
    """What the live entries add up to."""

    entries: int = 0
    bytes: int = 0  # of questions, answers and vectors
    pinned: int = 0
    oldest: float | None = None  # created at
    newest: float | None = None
    by: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Entries by tenant, namespace, model_group and volatility: {"tenant": {"team:support": 3}, …}."""


class CacheStore(Protocol):
    """A keeper of entries. `tenant` is always named: no call can see across tenants.

    Every method raises `StoreUnavailable` when the store cannot answer, and those that take a `Selector` raise
    `ValueError` for an empty one.
    """

    async def get(self, tenant: str, key: bytes) -> Entry | None:
        """The live entry under `key`, or None when there is none or it has expired."""

    async def nearest(self, tenant: str, partition: bytes, vector: Vector, *, space: str, k: int) -> list[Neighbour]:
        """Up to `k` live entries of the partition, nearest first; only those embedded in the same `space`."""

    async def put(self, tenant: str, entry: Entry, *, vector: Vector | None, space: str) -> None:
        """Keep `entry`, in place of an older one under the same key; the same entry twice is no harm."""

    async def extend(self, tenant: str, key: bytes, expires_at: float) -> None:
        """Let the entry live until `expires_at`, if that is later than it would; none there: nothing."""

    async def find(self, selector: Selector, *, limit: int) -> list[tuple[str, Entry]]:
        """Up to `limit` live entries with their tenants, newest first. For administrators only."""

    async def remove(self, selector: Selector) -> int:
        """Remove every entry that `selector` names; how many lived. Effective at once for every worker."""

    async def count(self, selector: Selector) -> int:
        """How many live entries `selector` names: what `remove` would return now."""

    async def stats(self) -> StoreStats:
        """All live entries in numbers. For administrators only."""

    async def aclose(self) -> None:
        """Let go of files, threads and connections."""
