"""Passes in Redis: a string for each, which ends by itself, and a sorted set of the tokens by their ends.

Every key has the same part in braces, so that a cluster keeps them together.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson

from litellm_plugins.ui.passes import Kind, Pass, Role

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from litellm_plugins.storage.redis import RedisServer

VERSION = 1  # of this layout


class RedisPasses:
    """Keeps `PassStore`. The server's connections belong to whoever opened them."""

    def __init__(self, server: RedisServer, prefix: str) -> None:
        self._server, self._root = server, f"{prefix}:{VERSION}:{{ui}}"

    async def put(self, given: Pass, *, now_ms: int) -> None:
        if given.until_ms <= now_ms:
            return

        async def work(redis: Redis) -> None:
            pipe = redis.pipeline(transaction=True)
            pipe.set(self._key(given.id), orjson.dumps(asdict(given)), px=given.until_ms - now_ms)
            if given.kind is Kind.TOKEN:
                pipe.zremrangebyscore(self._tokens, "-inf", now_ms)
                pipe.zadd(self._tokens, {given.id: given.until_ms})
            await pipe.execute()

        await self._server.run(work)

    async def get(self, pass_id: str, *, now_ms: int) -> Pass | None:
        told: Any = await self._server.run(lambda redis: redis.get(self._key(pass_id)))
        found = None if told is None else _pass(told)
        return found if found is not None and found.until_ms > now_ms else None

    async def drop(self, pass_id: str) -> bool:
        async def work(redis: Redis) -> bool:
            pipe = redis.pipeline(transaction=True)
            pipe.delete(self._key(pass_id))
            pipe.zrem(self._tokens, pass_id)
            dropped, _ = await pipe.execute()
            return bool(dropped)

        return await self._server.run(work)

    async def tokens(self, *, now_ms: int) -> list[Pass]:
        async def work(redis: Redis) -> Any:  # noqa: ANN401 - the driver's own type is of text, too
            names: Any = await redis.zrangebyscore(self._tokens, f"({now_ms}", "+inf")
            if not names:
                return []
            return await redis.mget([self._key(name.decode()) for name in names])

        found = [_pass(each) for each in await self._server.run(work) if each is not None]
        return sorted(found, key=lambda each: (each.made_ms, each.id))

    def _key(self, pass_id: str) -> str:
        return f"{self._root}:pass:{pass_id}"

    @property
    def _tokens(self) -> str:
        return f"{self._root}:tokens"


def _pass(told: bytes) -> Pass:
    given = orjson.loads(told)
    return Pass(**{**given, "kind": Kind(given["kind"]), "role": Role(given["role"])})
