"""The outbox in Redis: a hash for each item, and for each receiver a sorted set of those that wait."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellm_plugins.alerts.outbox import GIVEN_UP_AFTER_MS, MOST_WAITING, Claim, Item

if TYPE_CHECKING:
    from litellm_plugins.storage.redis import RedisServer

VERSION = 1  # of this layout
_FOLDER = Path(__file__).with_name("lua")
_PUT, _CLAIM, _END = (
    (_FOLDER / f"{name}.lua").read_text(encoding="utf-8") for name in ("outbox_put", "outbox_claim", "outbox_end")
)


class RedisOutbox:
    """Keeps `Outbox`. The server's connections belong to whoever opened them.

    Every key has the same part in braces, so that a cluster keeps them together.
    """

    def __init__(self, server: RedisServer, prefix: str) -> None:
        self._server, self._root = server, f"{prefix}:{VERSION}:{{outbox}}"

    async def put(self, item: Item, *, now_ms: int) -> bool:
        about = (item.key, item.id, item.target, item.payload, item.until_ms)
        bounds = (now_ms, MOST_WAITING, GIVEN_UP_AFTER_MS)
        return bool(await self._run(_PUT, item, *bounds, self._items, _hashed(item.key), *about))

    async def claim(self, target: str, *, now_ms: int, lease_ms: int, most: int) -> list[Claim]:
        arguments: list[str | int] = [now_ms, lease_ms, most, self._items, GIVEN_UP_AFTER_MS]
        keys = [self._waiting(target)]
        rows: Any = await self._server.run(lambda redis: redis.register_script(_CLAIM)(keys, arguments))
        return [_claim(*row) for row in rows]

    async def sent(self, claim: Claim, *, now_ms: int) -> None:
        await self._end(claim, "", max(1, claim.item.until_ms - now_ms))

    async def later(self, claim: Claim, *, due_ms: int) -> None:
        await self._end(claim, due_ms, 0)

    async def waiting(self, target: str) -> int:
        return int(await self._server.run(lambda redis: redis.zcard(self._waiting(target))))

    async def _end(self, claim: Claim, due: int | str, known_ms: int) -> None:
        item = claim.item
        await self._run(_END, item, _hashed(item.key), item.id, claim.attempt, due, known_ms)

    async def _run(self, script: str, item: Item, *arguments: str | int) -> object:
        keys, given = [self._waiting(item.target), self._items + _hashed(item.key)], list(arguments)
        return await self._server.run(lambda redis: redis.register_script(script)(keys, given))

    @property
    def _items(self) -> str:
        return f"{self._root}:item:"

    def _waiting(self, target: str) -> str:
        return f"{self._root}:waiting:{_hashed(target)}"


def _claim(key: bytes, item_id: bytes, target: bytes, payload: bytes, until_ms: bytes, attempt: int) -> Claim:
    return Claim(Item(key.decode(), item_id.decode(), target.decode(), payload.decode(), int(until_ms)), attempt)


def _hashed(name: str) -> str:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
