"""Moving entries from one embedding space to another: the protocol that every store keeps for it, and its values.

Which entries lie in another space is all the state there is: whoever goes on after a crash looks again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A live entry whose question was last read in another space."""

    tenant: str
    key: bytes  # as the store has it
    question: str
    version: int  # the store's own number for this writing of the entry: put anew, it has another


@dataclass(frozen=True, slots=True)
class Batch:
    """Some of them, and where the others begin; `after` is None where there are no others."""

    found: tuple[Elsewhere, ...]
    after: str | None


class SpaceStore(Protocol):
    """What a store offers beside `CacheStore`. Every method raises `StoreUnavailable` when it cannot answer."""

    async def count_elsewhere(self, space: str) -> int:
        """How many live entries with a question lie in another space than `space`. Cheap where there are none."""

    async def elsewhere(self, space: str, *, after: str | None, limit: int) -> Batch:
        """Up to `limit` of them, of all tenants, in the order in which they were stored within their space."""

    async def move(self, found: Elsewhere, *, vector: Vector | None, space: str) -> bool:
        """Give that entry its place in `space`, and change nothing else of it. None: no question is ever near it.

        False, and nothing is done: it is gone, was put anew, or lies in `space` already.
        """

    async def claim(self, owner: str, for_s: float) -> bool:
        """Whether `owner` alone may move entries for so long, from now on even if it could before; 0 lets go."""
