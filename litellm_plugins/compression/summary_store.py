"""Where summaries of old turns are kept for all workers: a protocol, and the same with encryption at rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from litellm_plugins.storage.vault import Vault

KEEP_MS = 7 * 86_400_000
MOST = 8_192


class SummaryStore(Protocol):
    """By tenant and by a hash of the turns. Every method raises `StoreUnavailable` where the store cannot do it."""

    async def get(self, tenant: str, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """Those that are kept."""

    async def put(self, tenant: str, key: bytes, text: bytes, *, now_ms: int) -> None:
        """Keep it, unless one is kept: what was written first stays. What is too old, or too much, goes."""

    async def aclose(self) -> None:
        """Close what it holds open."""


class SealedSummaries:
    """Keeps `SummaryStore` over `inner`: texts are sealed, each for its tenant and turns."""

    def __init__(self, inner: SummaryStore, vault: Vault) -> None:
        self._inner, self._vault = inner, vault

    async def get(self, tenant: str, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        found = await self._inner.get(tenant, keys)
        opened = ((key, self._vault.opened(sealed, _place(tenant, key))) for key, sealed in found.items())
        return {key: text for key, text in opened if text is not None}  # else by a key that is gone

    async def put(self, tenant: str, key: bytes, text: bytes, *, now_ms: int) -> None:
        await self._inner.put(tenant, key, self._vault.seal(text, _place(tenant, key)), now_ms=now_ms)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _place(tenant: str, key: bytes) -> bytes:
    return f"litellm_plugins/history/{key.hex()}/{tenant}".encode("utf-8", "surrogatepass")
