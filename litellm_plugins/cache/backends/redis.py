"""The store on Redis with its search engine (Redis 8, or Redis Stack): entries as hashes, neighbours by HNSW.

One hash holds everything of an entry, its vector too, so that the server expires and evicts it as a whole. The indexes
follow the hashes by themselves. A lost index is made anew on first use, and the server fills it from the hashes.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any, TypeVar

from redisvl.query import FilterQuery, VectorQuery
from redisvl.query.filter import FilterExpression, Num, Tag

from litellm_plugins.cache.backends import redis_fields as layout
from litellm_plugins.cache.backends.redis_fields import BODY, EXPIRES_AT, META, SEQUENCE, SIZE, Found, Names
from litellm_plugins.cache.backends.redis_indexes import Indexes, Rows
from litellm_plugins.cache.backends.redis_scripts import EXTEND, PUT
from litellm_plugins.cache.backends.redis_stats import Sum
from litellm_plugins.cache.store import Entry, Neighbour, Selector, StoreStats

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from litellm_plugins.embedding.embedder import Vector
    from litellm_plugins.storage.redis import RedisServer

T = TypeVar("T")

_BATCH = 250  # entries read at a time: a few milliseconds of the event loop
_REMOVED_AT_ONCE = 20  # each takes its vector out of the index, and the server answers nobody before the last is out
_PAGE = 10_000  # names per answer of the catalogue: the most that some servers give


class RedisCacheStore:
    """Keeps `CacheStore`. How much is kept is the server's to say: its `maxmemory` and its eviction policy."""

    def __init__(self, server: RedisServer, names: Names, *, clock: Callable[[], float] = time.time) -> None:
        self._server, self._names, self._clock = server, names, clock
        self._indexes = Indexes(names)

    async def get(self, tenant: str, key: bytes) -> Entry | None:
        name = self._names.entry(tenant, key)
        ((found, _),) = await self._server.run(lambda redis: self._read(redis, [name], BODY))
        if found is None or not found.lives(self._clock()) or (found.tenant, found.entry.key) != (tenant, key):
            return None
        return found.entry

    async def nearest(self, tenant: str, partition: bytes, vector: Vector, *, space: str, k: int) -> list[Neighbour]:
        return await self._server.run(lambda redis: self._nearest(redis, tenant, partition, vector, space, k))

    async def put(self, tenant: str, entry: Entry, *, vector: Vector | None, space: str) -> None:
        lifetime: int | str = "" if entry.pinned else layout.lifetime_ms(entry.expires_at, self._clock())
        held = layout.fields_of(tenant, entry, vector=vector, space=space)
        arguments: list[str | bytes | int] = [lifetime, *(part for pair in held.items() for part in pair)]

        async def write(redis: Redis) -> None:
            # Before the entry: a hash is indexed as it is written, but those that were there first only by and by.
            await self._indexes.ensure(redis, self._indexes.catalogue)
            if vector is not None:
                await self._indexes.ensure(redis, self._indexes.space(space, len(vector)))
            await redis.register_script(PUT)(self._keys(tenant, entry.key), arguments)

        await self._server.run(write)

    async def extend(self, tenant: str, key: bytes, expires_at: float) -> None:
        now = self._clock()
        arguments: list[str | int] = [repr(float(expires_at)), repr(now), layout.lifetime_ms(expires_at, now)]
        keys = self._keys(tenant, key)
        await self._server.run(lambda redis: redis.register_script(EXTEND)(keys, arguments))

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

    async def _nearest(
        self, redis: Redis, tenant: str, partition: bytes, vector: Vector, space: str, k: int
    ) -> list[Neighbour]:
        schema = self._indexes.space(space, len(vector))
        place = (Tag("tenant") == layout.hashed(tenant)) & (Tag("partition") == partition.hex())
        wanted = k
        while True:  # what has lapsed by our clock, and not yet by the server's, may hide what lives behind it
            query = VectorQuery(
                vector.tobytes(),
                layout.vector_field(space, len(vector)),
                return_fields=[META, EXPIRES_AT],
                filter_expression=place,
                num_results=wanted,
            )
            rows = await self._indexes.query(redis, schema, query)
            near = [(row, each) for row, each in await self._living(redis, rows) if _is_at(each, tenant, partition)]
            if len(near) >= k or len(rows) < wanted:
                candidates = (each.neighbour(1.0 - float(row["vector_distance"])) for row, each in near)
                return [each for each in candidates if each is not None][:k]
            wanted *= 2

    async def _living(self, redis: Redis, rows: Rows) -> list[tuple[dict[str, Any], Found]]:
        """Those that may be served, each with its row."""
        now = self._clock()
        read = {row["id"]: layout.found(row.get(META), row.get(EXPIRES_AT)) for row in rows}
        lapsed = [name for name, each in read.items() if each and not each.lives(now)]
        if lapsed:  # unless they were extended
            read |= {name: each for name, (each, _) in zip(lapsed, await self._read(redis, lapsed, META), strict=True)}
        found = ((row, read[row["id"]]) for row in rows)
        return [(row, each) for row, each in found if each and each.lives(now)]

    async def _read(self, redis: Redis, names: Sequence[str], more: str) -> list[tuple[Found | None, Any]]:
        """The entries with these keys, and one more field of each."""
        async with redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hmget(name, [META, EXPIRES_AT, more])
                pipe.get(self._names.extension(name))
            replies = await pipe.execute()
        read = []
        for (meta, expires_at, field), extended_to in zip(replies[::2], replies[1::2], strict=True):
            body = field if more == BODY else None
            read.append((layout.found(meta, expires_at, extended_to, body), field))
        return read

    async def _find(self, redis: Redis, selector: Selector, limit: int) -> list[tuple[str, Entry]]:
        matching: list[tuple[str, Entry]] = []
        async for batch in self._matching(redis, selector, page=min(_PAGE, max(limit, _BATCH))):
            wanted = [name for name, each in batch if each.lives(self._clock())][: limit - len(matching)]
            whole = await self._read(redis, wanted, BODY)  # the bodies, of these only
            matching += [(each.tenant, each.entry) for each, _ in whole if each]
            if len(matching) >= limit:
                break
        return matching

    async def _count(self, redis: Redis, selector: Selector) -> int:
        return sum([each.lives(self._clock()) async for batch in self._matching(redis, selector) for _, each in batch])

    async def _remove(self, redis: Redis, selector: Selector) -> int:
        lived = 0
        async for batch in self._matching(redis, selector):
            for some in _batches(batch, _REMOVED_AT_ONCE):
                async with redis.pipeline(transaction=False) as pipe:
                    for name, _ in some:
                        pipe.unlink(name)
                        pipe.unlink(self._names.extension(name))
                    gone = (await pipe.execute())[::2]
                lived += sum(n for n, (_, each) in zip(gone, some, strict=True) if each.lives(self._clock()))
        return lived

    async def _stats(self, redis: Redis) -> StoreStats:
        total, seen = Sum(), set[str]()
        async for name in redis.scan_iter(f"{self._names.entries}*", count=_BATCH):
            seen.add(str(name, "ascii"))  # a scan may name one twice
        for names in _batches(sorted(seen)):
            now = self._clock()
            for each, size in await self._read(redis, names, SIZE):
                if each and each.lives(now):
                    total.add(each.tenant, each.entry, int(size or 0))
        return total.stats

    async def _matching(
        self, redis: Redis, selector: Selector, *, page: int = _PAGE
    ) -> AsyncIterator[list[tuple[str, Found]]]:
        """What `selector` names, newest first, by their keys: lapsed entries, too. First so many, then all others."""
        await self._indexes.complete(redis, self._indexes.catalogue)
        before: set[str] = set()
        last: int | None = None
        while True:
            # From the last one on, and not by number: others put and remove meanwhile.
            rows = await self._indexes.query(redis, self._indexes.catalogue, _page_query(selector, last, page))
            told = [row["id"] for row in rows]
            fresh = [name for name in told if name not in before]
            if not fresh:
                return
            for names in _batches(fresh):
                read = await self._read(redis, names, SEQUENCE)
                last = min((int(sequence) for _, sequence in read if sequence), default=last)
                batch = [(name, each) for name, (each, _) in zip(names, read, strict=True) if each]
                named = [(name, each) for name, each in batch if layout.names(selector, each.tenant, each.entry)]
                if named:
                    yield named
            before, page = set(told), _PAGE

    def _keys(self, tenant: str, key: bytes) -> list[str]:
        name = self._names.entry(tenant, key)
        return [name, self._names.extension(name)]


def _is_at(found: Found, tenant: str, partition: bytes) -> bool:
    return found.tenant == tenant and found.entry.partition == partition


def _batches(whole: Sequence[T], size: int = _BATCH) -> Iterator[Sequence[T]]:
    return (whole[start : start + size] for start in range(0, len(whole), size))


def _page_query(selector: Selector, last: int | None, page: int) -> FilterQuery:
    conditions = _conditions(selector)
    if last is not None:
        conditions.append(Num(SEQUENCE) <= last)
    query = FilterQuery(
        filter_expression=reduce(and_, conditions) if conditions else None,
        num_results=page,
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
