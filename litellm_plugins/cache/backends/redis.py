"""The store on Redis with its search engine (Redis 8, or Redis Stack): entries as hashes, neighbours by HNSW.

One hash holds everything of an entry, its vector too, so that the server expires and evicts it as a whole. The indexes
follow the hashes by themselves. A lost index is made anew on first use, and the server fills it from the hashes.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from redisvl.query import FilterQuery, VectorQuery
from redisvl.query.filter import FilterExpression, Num, Tag

from litellm_plugins.cache.backends import redis_fields as layout
from litellm_plugins.cache.backends.redis_fields import BODY, EXPIRES_AT, LIVE_UNTIL, META, SEQUENCE, Found, Names
from litellm_plugins.cache.backends.redis_indexes import Indexes
from litellm_plugins.cache.backends.redis_scripts import EXTEND, PUT
from litellm_plugins.cache.backends.redis_stats import Sum
from litellm_plugins.cache.store import Entry, Neighbour, Selector, StoreStats
from litellm_plugins.storage.redis import RedisServer

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from litellm_plugins.embedding.embedder import Vector

_READ = (META, EXPIRES_AT, LIVE_UNTIL)
_PAGE = 500  # entries per answer to an administrator's search


class RedisCacheStore:
    """Keeps `CacheStore`. How much is kept is the server's to say: its `maxmemory` and its eviction policy."""

    def __init__(self, server: RedisServer, names: Names, *, clock: Callable[[], float] = time.time) -> None:
        self._server, self._names, self._clock = server, names, clock
        self._indexes = Indexes(names)

    async def get(self, tenant: str, key: bytes) -> Entry | None:
        name = self._names.entry(tenant, key)
        held = await self._server.run(lambda redis: redis.hmget(name, [*_READ, BODY]))
        found = layout.found(held)
        if found is None or not found.lives(self._clock()) or (found.tenant, found.entry.key) != (tenant, key):
            return None
        return found.entry

    async def nearest(self, tenant: str, partition: bytes, vector: Vector, *, space: str, k: int) -> list[Neighbour]:
        now = self._clock()
        query = VectorQuery(
            vector.tobytes(),
            layout.vector_field(space, len(vector)),
            return_fields=list(_READ),
            filter_expression=(Tag("tenant") == layout.hashed(tenant))
            & (Tag("partition") == partition.hex())
            & (Num(LIVE_UNTIL) > now),
            num_results=k,
        )
        schema = self._indexes.space(space, len(vector))
        rows = await self._server.run(lambda redis: self._indexes.query(redis, schema, query))
        near = []
        for row in rows:
            found = layout.found(row)
            if found is None or not found.lives(now) or found.tenant != tenant or found.entry.partition != partition:
                continue
            neighbour = found.neighbour(1.0 - float(row["vector_distance"]))
            if neighbour is not None:
                near.append(neighbour)
        return near

    async def put(self, tenant: str, entry: Entry, *, vector: Vector | None, space: str) -> None:
        lifetime: int | str = "" if entry.pinned else layout.lifetime_ms(entry.expires_at, self._clock())
        held = layout.fields_of(tenant, entry, vector=vector, space=space)
        name = self._names.entry(tenant, entry.key)
        arguments: list[str | bytes | int] = [lifetime, *(part for pair in held.items() for part in pair)]

        async def write(redis: Redis) -> None:
            # Before the entry: a hash is indexed as it is written, but those that were there first only by and by.
            await self._indexes.ensure(redis, self._indexes.catalogue)
            if vector is not None:
                await self._indexes.ensure(redis, self._indexes.space(space, len(vector)))
            await redis.register_script(PUT)([name], arguments)

        await self._server.run(write)

    async def extend(self, tenant: str, key: bytes, expires_at: float) -> None:
        now, name = self._clock(), self._names.entry(tenant, key)
        arguments: list[str | int] = [repr(float(expires_at)), repr(now), layout.lifetime_ms(expires_at, now)]
        await self._server.run(lambda redis: redis.register_script(EXTEND)([name], arguments))

    async def find(self, selector: Selector, *, limit: int) -> list[tuple[str, Entry]]:
        _refuse_everything(selector)
        return await self._server.run(lambda redis: self._find(redis, selector, limit))

    async def remove(self, selector: Selector) -> int:
        _refuse_everything(selector)
        return await self._server.run(lambda redis: self._remove(redis, selector))

    async def count(self, selector: Selector) -> int:
        _refuse_everything(selector)
        return await self._server.run(lambda redis: self._count(redis, selector))

    async def stats(self) -> StoreStats:
        return await self._server.run(self._stats)

    async def aclose(self) -> None:
        await self._server.aclose()

    async def _find(self, redis: Redis, selector: Selector, limit: int) -> list[tuple[str, Entry]]:
        matching: list[tuple[str, Entry]] = []
        async for page in self._pages(redis, selector):
            now = self._clock()
            wanted = [name for name, each in page if each.lives(now)][: limit - len(matching)]
            async with redis.pipeline(transaction=False) as pipe:  # the bodies, of these only
                for name in wanted:
                    pipe.hmget(name, [*_READ, BODY])
                whole = map(layout.found, await pipe.execute())
            matching += [(each.tenant, each.entry) for each in whole if each]
            if len(matching) >= limit:
                break
        return matching

    async def _remove(self, redis: Redis, selector: Selector) -> int:
        lived = 0
        async for page in self._pages(redis, selector):
            async with redis.pipeline(transaction=False) as pipe:
                for name, _ in page:
                    pipe.unlink(name)
                gone = await pipe.execute()
            lived += sum(n for n, (_, each) in zip(gone, page, strict=True) if each.lives(self._clock()))
        return lived

    async def _count(self, redis: Redis, selector: Selector) -> int:
        return sum([each.lives(self._clock()) async for page in self._pages(redis, selector) for _, each in page])

    async def _stats(self, redis: Redis) -> StoreStats:
        total, seen = Sum(), set[bytes | str]()
        cursor, names = await redis.scan(0, match=f"{self._names.entries}*", count=_PAGE)
        while True:
            fresh = [name for name in names if name not in seen]  # a scan may name one twice
            async with redis.pipeline(transaction=False) as pipe:
                for name in fresh:
                    pipe.hmget(name, [*_READ, layout.SIZE])
                held = await pipe.execute()
            now = self._clock()
            for *fields, size in held:
                each = layout.found(fields)
                if each is not None and each.lives(now):
                    total.add(each.tenant, each.entry, int(size or 0))
            seen.update(fresh)
            if not cursor:
                return total.stats
            cursor, names = await redis.scan(cursor, match=f"{self._names.entries}*", count=_PAGE)

    async def _pages(self, redis: Redis, selector: Selector) -> AsyncIterator[list[tuple[str, Found]]]:
        """What `selector` names, newest first, by their keys: lapsed entries, too."""
        await self._indexes.complete(redis, self._indexes.catalogue)
        before: set[str] = set()
        last: int | None = None
        while True:
            # From the last one on, and not by number: others put and remove meanwhile.
            rows = await self._indexes.query(redis, self._indexes.catalogue, _page_query(selector, last))
            names = [row["id"] for row in rows if row["id"] not in before]
            if not names:
                return
            async with redis.pipeline(transaction=False) as pipe:
                for name in names:
                    pipe.hmget(name, [*_READ, SEQUENCE])
                held = await pipe.execute()
            read = ((name, layout.found(fields[:-1])) for name, fields in zip(names, held, strict=True))
            page = [(name, each) for name, each in read if each and layout.names(selector, each.tenant, each.entry)]
            if page:
                yield page
            before = {row["id"] for row in rows}
            last = min((int(sequence) for *_, sequence in held if sequence), default=last)


def _page_query(selector: Selector, last: int | None) -> FilterQuery:
    conditions = _conditions(selector)
    if last is not None:
        conditions.append(Num(SEQUENCE) <= last)
    query = FilterQuery(
        filter_expression=reduce(and_, conditions) if conditions else None,
        num_results=_PAGE,
        sort_by=(SEQUENCE, "DESC"),
    )
    query.no_content()
    query.timeout(0)  # else a busy server cuts the answer short and says nothing
    return query


def _conditions(selector: Selector) -> list[FilterExpression]:
    """What the catalogue can tell; the rest is looked at when the entries are there."""
    named = {
        "tenant": selector.tenant,
        "namespace": selector.namespace,
        "model_group": selector.model_group,
        "tags": selector.tag,
        "id": selector.cache_id and selector.cache_id.lower(),
    }
    conditions = [Tag(field) == layout.hashed(value) for field, value in named.items() if value is not None]
    if selector.pinned is not None:
        conditions.append(Tag("pinned") == str(int(selector.pinned)))
    return conditions


def _refuse_everything(selector: Selector) -> None:
    if selector.is_empty:
        raise ValueError("a selector that names nothing would mean everything")
