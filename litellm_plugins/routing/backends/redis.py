"""What workers tell each other of conversations, in Redis: a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_plugins.routing.session_store import KEEP_MS, MOST
from litellm_plugins.storage.feeds import stream_since

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from litellm_plugins.storage.redis import RedisServer

VERSION = 1  # of this layout


class RedisSessions:
    """Keeps `SessionStore`, and closes its connections."""

    def __init__(self, server: RedisServer, prefix: str) -> None:
        self._server, self._stream = server, f"{prefix}:{VERSION}:route_sessions"

    async def add(self, worker: str, body: bytes, *, now_ms: int) -> None:
        async def work(redis: Redis) -> None:
            pipeline = redis.pipeline(transaction=False)
            pipeline.xadd(self._stream, {"worker": worker, "body": body}, maxlen=MOST, approximate=True)
            pipeline.xtrim(self._stream, minid=max(0, now_ms - KEEP_MS), approximate=False)
            pipeline.pexpire(self._stream, KEEP_MS)
            await pipeline.execute()

        await self._server.run(work)

    async def since(self, cursor: str, worker: str) -> tuple[list[bytes], str]:
        return await stream_since(self._server, self._stream, cursor, worker)

    async def aclose(self) -> None:
        await self._server.aclose()
