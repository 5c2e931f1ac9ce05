"""Deferred requests whose texts are encrypted at rest, over whatever store keeps them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from litellm_plugins.batch.queue import MOST_BYTES

if TYPE_CHECKING:
    from litellm_plugins.batch.queue import Batch, Deferred, Put, Queue, Status, Waiting
    from litellm_plugins.storage.vault import Vault


class SealedQueue:
    """Keeps `Queue` over `inner`: what was asked and what was answered are sealed."""

    def __init__(self, inner: Queue, vault: Vault) -> None:
        self._inner, self._vault = inner, vault

    async def put(self, request: Deferred, *, most: int, most_of_tenant: int | None = None) -> Put:
        sealed = replace(request, body=self._seal(request.body, request.id, "body"))
        return await self._inner.put(sealed, most=most, most_of_tenant=most_of_tenant)

    async def find(self, id_: str, *, tenant: str) -> Deferred | None:
        return self._opened(await self._inner.find(id_, tenant=tenant))

    async def cancel(self, id_: str, *, tenant: str, now_s: float) -> Deferred | None:
        return self._opened(await self._inner.cancel(id_, tenant=tenant, now_s=now_s))

    async def lease(self, owner: str, *, now_s: float, for_s: float) -> bool:
        return await self._inner.lease(owner, now_s=now_s, for_s=for_s)

    async def release(self, owner: str) -> None:
        await self._inner.release(owner)

    async def waiting(self) -> list[Waiting]:
        return await self._inner.waiting()

    async def claim(self, batch: Batch, *, most: int, most_bytes: int = MOST_BYTES) -> list[Deferred]:
        return self._all(await self._inner.claim(batch, most=most, most_bytes=most_bytes))

    async def batches(self) -> list[Batch]:
        return await self._inner.batches()

    async def members(self, batch_id: str) -> list[Deferred]:
        return self._all(await self._inner.members(batch_id))

    async def note(self, batch: Batch) -> None:
        await self._inner.note(batch)

    async def drop(self, batch_id: str) -> None:
        await self._inner.drop(batch_id)

    async def finish(
        self, id_: str, status: Status, *, now_s: float, reason: str = "", answer: bytes = b""
    ) -> Deferred | None:
        sealed = self._seal(answer, id_, "answer")
        return self._opened(await self._inner.finish(id_, status, now_s=now_s, reason=reason, answer=sealed))

    async def overdue(self, *, now_s: float, most: int) -> list[Deferred]:
        return self._all(await self._inner.overdue(now_s=now_s, most=most))

    async def sweep(self, *, before_s: float) -> int:
        return await self._inner.sweep(before_s=before_s)

    async def standing(self) -> dict[Status, int]:
        return await self._inner.standing()

    async def aclose(self) -> None:
        await self._inner.aclose()

    def _all(self, requests: list[Deferred]) -> list[Deferred]:
        return [each for request in requests if (each := self._opened(request)) is not None]

    def _opened(self, request: Deferred | None) -> Deferred | None:
        """What none of the keys opens is empty."""
        if request is None:
            return None
        body, answer = (self._open(getattr(request, name), request.id, name) for name in ("body", "answer"))
        return replace(request, body=body, answer=answer)

    def _seal(self, text: bytes, id_: str, name: str) -> bytes:
        return self._vault.seal(text, _place(id_, name)) if text else b""

    def _open(self, sealed: bytes, id_: str, name: str) -> bytes:
        return (self._vault.opened(sealed, _place(id_, name)) or b"") if sealed else b""


def _place(id_: str, name: str) -> bytes:
    return f"litellm_plugins/deferred/{id_}/{name}".encode()
