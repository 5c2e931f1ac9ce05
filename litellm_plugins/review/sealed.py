"""Items whose texts are encrypted at rest, over whatever store keeps them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from litellm_plugins.review.store import TEXTS, ItemStore

if TYPE_CHECKING:
    from litellm_plugins.review.items import Item, State
    from litellm_plugins.storage.vault import Vault


class SealedItems:
    """Keeps `ItemStore` over `inner`: question, matched question and answer are sealed, and comments are not kept."""

    def __init__(self, inner: ItemStore, vault: Vault) -> None:
        self._inner, self._vault = inner, vault

    async def add(self, items: Sequence[Item]) -> None:
        await self._inner.add([self._sealed(item) for item in items])

    async def find(self, id_: str) -> Item | None:
        return self._opened(await self._inner.find(id_))

    async def named(self, name: str, *, tenant: str | None) -> Item | None:
        return self._opened(await self._inner.named(name, tenant=tenant))

    async def waiting(self, limit: int, *, team: str | None, tenant: str | None) -> list[Item]:
        return await self._inner.waiting(limit, team=team, tenant=tenant)

    async def sample(self, *, since_s: float, team: str | None, tenant: str | None) -> list[Item]:
        return await self._inner.sample(since_s=since_s, team=team, tenant=tenant)

    async def judged(self, *, since_s: float, team: str | None, tenant: str | None) -> list[Item]:
        return await self._inner.judged(since_s=since_s, team=team, tenant=tenant)

    async def swap(self, item: Item, state: State) -> bool:
        return await self._inner.swap(item, replace(state, comment=""))

    async def forget_texts(self, *, before_s: float) -> int:
        return await self._inner.forget_texts(before_s=before_s)

    def _sealed(self, item: Item) -> Item:
        sealed = {name: self._seal(getattr(item, name), item.id, name) for name in TEXTS}
        return replace(item, **sealed)  # type: ignore[arg-type]

    def _seal(self, text: str, id_: str, name: str) -> str:
        if not text:
            return ""
        return base64.b64encode(self._vault.seal(text.encode("utf-8", "surrogatepass"), _place(id_, name))).decode()

    def _opened(self, item: Item | None) -> Item | None:
        """What none of the keys opens is empty."""
        if item is None:
            return None
        opened = {name: self._open(getattr(item, name), item.id, name) for name in TEXTS}
        return replace(item, **opened)  # type: ignore[arg-type]

    def _open(self, sealed: str, id_: str, name: str) -> str:
        try:
            text = self._vault.opened(base64.b64decode(sealed, validate=True), _place(id_, name))
        except (ValueError, binascii.Error):
            return ""
        return "" if text is None else text.decode("utf-8", "surrogatepass")


def _place(id_: str, name: str) -> bytes:
    return f"litellm_plugins/review/{id_}/{name}".encode()
