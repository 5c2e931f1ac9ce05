"""Prompts and answers encrypted at rest, over whatever store keeps them.

AES-256-GCM, a fresh nonce for each text; tenant, key and field are authenticated with it, so that no entry can be put
in another's place. Encrypted are the question and the answer. In the clear stay what the store needs to work by: keys
and partitions (SHA-256), tenant, model, namespace, tags, times, counts and the question's vector.

Entries lie under keys of their own: what was stored without encryption is not served with it, nor the other way round.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from litellm_plugins.cache.store import CacheStore, Entry, Neighbour, Selector, StoreStats
from litellm_plugins.storage.vault import Vault

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Vector

_SCANNED_PER_TENANT = 1_000_000


class EncryptedStore:
    """Keeps `CacheStore` over `inner`, which it owns. The first of `keys` encrypts, each decrypts."""

    def __init__(self, inner: CacheStore, keys: Sequence[bytes]) -> None:
        self._inner = inner
        self._vault = Vault(keys)

    async def get(self, tenant: str, key: bytes) -> Entry | None:
        entry = await self._inner.get(tenant, _elsewhere(key))
        return None if entry is None else self._opened(tenant, entry)

    async def nearest(self, tenant: str, partition: bytes, vector: Vector, *, space: str, k: int) -> list[Neighbour]:
        found = await self._inner.nearest(tenant, _elsewhere(partition), vector, space=space, k=k)
        opened = ((each, self.opened_question(tenant, each.key, each.question)) for each in found)
        return [replace(n, key=_elsewhere(n.key), question=text) for n, text in opened if text is not None]

    async def put(self, tenant: str, entry: Entry, *, vector: Vector | None, space: str) -> None:
        await self._inner.put(tenant, self._sealed(tenant, entry), vector=vector, space=space)

    async def extend(self, tenant: str, key: bytes, expires_at: float) -> None:
        await self._inner.extend(tenant, _elsewhere(key), expires_at)

    async def find(self, selector: Selector, *, limit: int) -> list[tuple[str, Entry]]:
        if selector.text is not None:
            return (await self._with_text(selector))[:limit]
        found = await self._inner.find(selector, limit=limit)
        opened = ((tenant, self._opened(tenant, entry)) for tenant, entry in found)
        return [(tenant, entry) for tenant, entry in opened if entry is not None]

    async def count(self, selector: Selector) -> int:
        return await self._inner.count(selector) if selector.text is None else len(await self._with_text(selector))

    async def remove(self, selector: Selector) -> int:
        if selector.text is None:
            return await self._inner.remove(selector)
        named = await self._with_text(selector)
        return sum([await self._inner.remove(Selector(tenant=t, cache_id=entry.cache_id)) for t, entry in named])

    async def stats(self) -> StoreStats:
        return await self._inner.stats()

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _with_text(self, selector: Selector) -> list[tuple[str, Entry]]:
        """What `selector` names, by decrypting one tenant's entries after the other's."""
        tenants = (await self._inner.stats()).by["tenant"] if selector.tenant is None else (selector.tenant,)
        wanted = (selector.text or "").casefold()
        named: list[tuple[str, Entry]] = []
        for tenant in tenants:
            entries = await self.find(replace(selector, text=None, tenant=tenant), limit=_SCANNED_PER_TENANT)
            named += [(t, e) for t, e in entries if e.question is not None and wanted in e.question.casefold()]
        return sorted(named, key=lambda pair: -pair[1].created_at)

    def _sealed(self, tenant: str, entry: Entry) -> Entry:
        key = _elsewhere(entry.key)
        question = entry.question
        if question is not None:
            sealed = self._encrypt(question.encode("utf-8", "surrogatepass"), tenant, key, "question")
            question = base64.b64encode(sealed).decode()
        body = self._encrypt(entry.body, tenant, key, "body")
        return replace(entry, key=key, partition=_elsewhere(entry.partition), question=question, body=body)

    def _opened(self, tenant: str, entry: Entry) -> Entry | None:
        """The entry as it was put; None where none of our keys opens it."""
        body = self._decrypt(entry.body, tenant, entry.key, "body")
        question = None if entry.question is None else self.opened_question(tenant, entry.key, entry.question)
        if body is None or (question is None and entry.question is not None):
            return None
        key, partition = _elsewhere(entry.key), _elsewhere(entry.partition)
        return replace(entry, key=key, partition=partition, question=question, body=body)

    def opened_question(self, tenant: str, key: bytes, stored: str) -> str | None:
        """The question of the entry that lies under `key` in the store below; None where none of our keys opens it."""
        try:
            sealed = base64.b64decode(stored, validate=True)
        except (ValueError, binascii.Error):
            return None
        text = self._decrypt(sealed, tenant, key, "question")
        return None if text is None else text.decode("utf-8", "surrogatepass")

    def _encrypt(self, text: bytes, tenant: str, key: bytes, field: str) -> bytes:
        return self._vault.seal(text, _place(tenant, key, field))

    def _decrypt(self, sealed: bytes, tenant: str, key: bytes, field: str) -> bytes | None:
        return self._vault.opened(sealed, _place(tenant, key, field))


def _elsewhere(digest: bytes) -> bytes:
    """Where the encrypted entry lies: another key with the same public handle. Applied twice, the digest again."""
    return digest[:16] + bytes(byte ^ 0xFF for byte in digest[16:])


def _place(tenant: str, key: bytes, field: str) -> bytes:
    return orjson.dumps(["litellm_plugins/1", tenant, key.hex(), field])
