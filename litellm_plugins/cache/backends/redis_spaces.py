"""Moving entries to another embedding space in Redis: found by the catalogue, rewritten by a script."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from redisvl.query import CountQuery, FilterQuery
from redisvl.query.filter import Num, Tag

from litellm_plugins.cache.backends import redis_fields as layout
from litellm_plugins.cache.backends.redis_fields import EXPIRES_AT, META, SEQUENCE
from litellm_plugins.cache.backends.redis_indexes import Indexes
from litellm_plugins.cache.backends.redis_scripts import CLAIM, MOVE
from litellm_plugins.cache.spaces import Batch, Elsewhere

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redisvl.query.filter import FilterExpression

    from litellm_plugins.cache.backends.redis_fields import Names
    from litellm_plugins.embedding.embedder import Vector
    from litellm_plugins.storage.redis import RedisServer


class RedisSpaces:
    """Keeps `SpaceStore`. The server's connections belong to the entries' store, which closes them."""

    def __init__(self, server: RedisServer, names: Names, *, clock: Callable[[], float] = time.time) -> None:
        self._server, self._names, self._clock = server, names, clock
        self._indexes = Indexes(names)

    async def count_elsewhere(self, space: str) -> int:
        query = CountQuery(_elsewhere(space))
        return await self._server.run(lambda redis: self._indexes.count(redis, self._indexes.catalogue, query))

    async def elsewhere(self, space: str, *, after: str | None, limit: int) -> Batch:
        return await self._server.run(lambda redis: self._batch(redis, space, after, limit))

    async def move(self, found: Elsewhere, *, vector: Vector | None, space: str) -> bool:
        given: list[str | bytes | int] = [found.version, layout.space_tags(space), layout.VECTOR]
        if vector is not None:
            given += [layout.vector_field(space, len(vector)), vector.tobytes()]

        async def write(redis: Redis) -> bool:
            if vector is not None:
                await self._indexes.ensure(redis, self._indexes.space(space, len(vector)))
            return bool(await redis.register_script(MOVE)([self._names.entry(found.tenant, found.key)], given))

        return await self._server.run(write)

    async def claim(self, owner: str, for_s: float) -> bool:
        given: list[str | int] = [owner, round(for_s * 1_000)]
        key = self._names.moving
        return bool(await self._server.run(lambda redis: redis.register_script(CLAIM)([key], given)))

    async def _batch(self, redis: Redis, space: str, after: str | None, limit: int) -> Batch:
        condition = _elsewhere(space)
        if after is not None:
            condition &= Num(SEQUENCE) > int(after)
        query = FilterQuery(filter_expression=condition, num_results=limit, sort_by=(SEQUENCE, "ASC"))
        query.no_content()
        query.timeout(0)  # else a busy server cuts the answer short and says nothing
        rows = await self._indexes.query(redis, self._indexes.catalogue, query)
        async with redis.pipeline(transaction=False) as pipe:
            for row in rows:
                pipe.hmget(row["id"], [META, EXPIRES_AT, SEQUENCE])
                pipe.get(self._names.extension(row["id"]))
            read = await pipe.execute()
        now, last = self._clock(), after
        found: list[Elsewhere] = []
        for (meta, expires_at, sequence), extended_to in zip(read[::2], read[1::2], strict=True):
            each = layout.found(meta, expires_at, extended_to)
            if each is None or sequence is None:  # gone since
                continue
            last = str(int(sequence))
            if each.lives(now) and each.entry.question is not None:
                found.append(Elsewhere(each.tenant, each.entry.key, each.entry.question, int(sequence)))
        return Batch(tuple(found), last if len(rows) == limit else None)


def _elsewhere(space: str) -> FilterExpression:
    return (Tag(layout.SPACE) == layout.ASKED) & (Tag(layout.SPACE) != layout.hashed(space))
