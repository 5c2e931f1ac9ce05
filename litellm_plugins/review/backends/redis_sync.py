"""What the sync with Langfuse remembers, in Redis: a hash and a list of its ids for each kind; one hash a lease."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellm_plugins.review.sync_store import MOST_NOTES, Note

if TYPE_CHECKING:
    from litellm_plugins.storage.redis import RedisServer

VERSION = 1  # of this layout
_FOLDER = Path(__file__).with_name("lua")
_LEASE, _RELEASE, _NOTE = (
    (_FOLDER / f"sync_{name}.lua").read_text(encoding="utf-8") for name in ("lease", "release", "note")
)


class RedisSync:
    """Keeps `SyncStore`. The server's connections belong to the entries' store, which closes them."""

    def __init__(self, server: RedisServer, prefix: str, *, most: int = MOST_NOTES) -> None:
        self._server, self._most = server, most
        self._root = f"{prefix}:{VERSION}:{{review}}:sync"

    async def lease(self, scope: str, owner: str, *, now_s: float, for_s: float) -> bool:
        keys, given = [f"{self._root}:{scope}:lease"], [owner, repr(now_s), repr(now_s + for_s)]
        return bool(await self._server.run(lambda redis: redis.register_script(_LEASE)(keys, given)))

    async def release(self, scope: str, owner: str) -> None:
        keys = [f"{self._root}:{scope}:lease"]
        await self._server.run(lambda redis: redis.register_script(_RELEASE)(keys, [owner]))

    async def note(self, scope: str, kind: Note, told: Mapping[str, str]) -> None:
        given = [str(self._most), *(part for pair in told.items() for part in pair)]
        keys = self._keys(scope, kind)
        await self._server.run(lambda redis: redis.register_script(_NOTE)(keys, given))

    async def noted(self, scope: str, kind: Note, ids: Sequence[str]) -> dict[str, str]:
        if not ids:
            return {}
        key = self._keys(scope, kind)[0]
        found: Any = await self._server.run(lambda redis: redis.hmget(key, list(ids)))
        return {id_: value.decode() for id_, value in zip(ids, found, strict=True) if value is not None}

    async def all_noted(self, scope: str, kind: Note) -> dict[str, str]:
        key = self._keys(scope, kind)[0]
        found: Any = await self._server.run(lambda redis: redis.hgetall(key))
        return {id_.decode(): value.decode() for id_, value in found.items()}

    async def forget(self, scope: str, kind: Note, ids: Sequence[str]) -> None:
        if not ids:
            return
        notes, order = self._keys(scope, kind)

        async def work(redis: Any) -> None:  # noqa: ANN401 - the driver's, which is not imported here
            pipeline = redis.pipeline(transaction=True)
            pipeline.hdel(notes, *ids)
            pipeline.zrem(order, *ids)
            await pipeline.execute()

        await self._server.run(work)

    def _keys(self, scope: str, kind: Note) -> list[str]:
        return [f"{self._root}:{scope}:{kind}", f"{self._root}:{scope}:{kind}:order"]
