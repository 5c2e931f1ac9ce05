"""Summaries of old turns in Redis: a key for each, which ends by itself, and a sorted set of their names by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from litellm_plugins.compression.summary_store import KEEP_MS, MOST

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from litellm_plugins.storage.redis import RedisServer

VERSION = 1  # of this layout


class RedisSummaries:
    """Keeps `SummaryStore`, and closes its connections."""

    def __init__(self, server: RedisServer, prefix: str) -> None:
        self._server, self._root = server, f"{prefix}:{VERSION}:{{summaries}}"
        self._names = f"{self._root}:names"

    async def get(self, tenant: str, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        names = [self._name(tenant, key) for key in keys]
        if not names:
            return {}

        found: Any = await self._server.run(lambda redis: redis.mget(names))
        return {key: text for key, text in zip(keys, found, strict=True) if text is not None}

    async def put(self, tenant: str, key: bytes, text: bytes, *, now_ms: int) -> None:
        name = self._name(tenant, key)

        async def work(redis: Redis) -> None:
            pipeline = redis.pipeline(transaction=False)
            pipeline.set(name, text, nx=True, px=KEEP_MS)
            pipeline.zadd(self._names, {name: now_ms}, nx=True)
            pipeline.zremrangebyscore(self._names, "-inf", now_ms - KEEP_MS)
            pipeline.pexpire(self._names, KEEP_MS)
            pipeline.zrange(self._names, 0, -(MOST + 1))
            *_, over = await pipeline.execute()
            if over:
                pipeline = redis.pipeline(transaction=False)
                pipeline.delete(*over)
                pipeline.zrem(self._names, *over)
                await pipeline.execute()

        await self._server.run(work)

    async def aclose(self) -> None:
        await self._server.aclose()

    def _name(self, tenant: str, key: bytes) -> str:
        whose = blake2b(tenant.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return f"{self._root}:{whose}:{key.hex()}"
