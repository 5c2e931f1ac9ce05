"""The search indexes of one installation in Redis: made on first use, and made again when they were lost."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from redisvl.exceptions import RedisSearchError
from redisvl.index import AsyncSearchIndex
from redisvl.schema import IndexSchema

from litellm_plugins.cache.backends.redis_fields import SEQUENCE, SPACE, Names, vector_field
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.storage.redis import driver_fault

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redisvl.query import BaseQuery, CountQuery

_HNSW = {
    "algorithm": "hnsw",
    "distance_metric": "cosine",
    "datatype": "float32",
    "m": 16,
    "ef_construction": 200,
    "ef_runtime": 100,  # the server's default, 10, overlooks near ones
}
_MISSING = ("no such index", "unknown index", "index not found")  # as one version or another says it
_POLL_S = 0.005
_QUERY_WAIT_S = 0.1  # what a request waits for an index that is made anew; it may fill on while requests miss
_COMPLETE_WAIT_S = 10.0  # what an administrator waits

Rows = list[dict[str, Any]]


class Indexes:
    """`catalogue` is of all entries, `space(…)` of those with a vector of one kind."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._schemas: dict[str, IndexSchema] = {}
        self._indexes: dict[str, AsyncSearchIndex] = {}
        self._seen: set[str] = set()  # by this process, at some time: they may be lost since
        self._making = asyncio.Lock()  # many puts begin at once, and one of them will do

    @property
    def catalogue(self) -> IndexSchema:
        """The index that administrators search."""
        tags = ("tenant", "id", "namespace", "model_group", "tags", "pinned", SPACE)
        fields: Rows = [{"name": name, "type": "tag"} for name in tags]
        fields += [{"name": SEQUENCE, "type": "numeric", "attrs": {"sortable": True}}]
        return self._schema(self._names.catalogue, fields)

    def space(self, space: str, dimensions: int) -> IndexSchema:
        """The index of a vector space: another model, or another length, is another space."""
        fields: Rows = [{"name": name, "type": "tag"} for name in ("tenant", "partition")]
        vector = {"name": vector_field(space, dimensions), "type": "vector", "attrs": {**_HNSW, "dims": dimensions}}
        return self._schema(self._names.space(space, dimensions), [*fields, vector])

    async def ensure(self, redis: Redis, schema: IndexSchema) -> None:
        """Make the index, unless this process has seen it before.

        A server that cannot search keeps entries all the same: the exact layer needs no index.
        """
        if schema.index.name in self._seen:
            return
        try:
            async with self._making:
                if schema.index.name not in self._seen:
                    await self._make(self._index(redis, schema))
        except RedisSearchError as exc:
            if "unknown command" not in _said(exc):
                raise

    async def query(self, redis: Redis, schema: IndexSchema, query: BaseQuery) -> Rows:
        """The rows that `query` finds. A lost index is made anew first."""
        index = self._index(redis, schema)
        try:
            return await _rows(index, query)
        except RedisSearchError as exc:
            if not _is_missing(exc):
                raise
        await self._make(index)
        await _filled(index, _QUERY_WAIT_S)
        return await _rows(index, query)

    async def count(self, redis: Redis, schema: IndexSchema, query: CountQuery) -> int:
        """How many rows `query` finds. Raises: StoreUnavailable where the index is not complete."""
        await self.complete(redis, schema)
        return int(await self._index(redis, schema).query(query))

    async def complete(self, redis: Redis, schema: IndexSchema) -> None:
        """Return once the index holds every entry. Raises: StoreUnavailable where that takes too long."""
        index = self._index(redis, schema)
        try:
            full = await _filled(index, _COMPLETE_WAIT_S)
        except RedisSearchError as exc:
            if not _is_missing(exc):
                raise
            await self._make(index)
            full = await _filled(index, _COMPLETE_WAIT_S)
        if not full:
            raise StoreUnavailable("store_busy", f"the index {index.name} is being filled")

    async def _make(self, index: AsyncSearchIndex) -> None:
        try:
            await index.create()  # does nothing where it is there
        except RedisSearchError as exc:
            if "already exists" not in _said(exc):  # another worker was quicker
                raise
        self._seen.add(index.name)

    def _schema(self, name: str, fields: Rows) -> IndexSchema:
        if name not in self._schemas:
            index = {"name": name, "prefix": self._names.entries, "storage_type": "hash"}
            self._schemas[name] = IndexSchema.from_dict({"index": index, "fields": fields})
        return self._schemas[name]

    def _index(self, redis: Redis, schema: IndexSchema) -> AsyncSearchIndex:
        name = schema.index.name
        if name not in self._indexes:
            self._indexes[name] = AsyncSearchIndex(schema, redis_client=redis)
        return self._indexes[name]


async def _rows(index: AsyncSearchIndex, query: BaseQuery) -> Rows:
    rows: Rows = await index.query(query)
    return rows


async def _filled(index: AsyncSearchIndex, wait_s: float) -> bool:
    """Whether the server has put every entry into the index, before `wait_s` is over."""
    give_up_at = time.monotonic() + wait_s
    while str((await index.info())["indexing"]) != "0":
        if time.monotonic() > give_up_at:
            return False
        await asyncio.sleep(_POLL_S)
    return True


def _is_missing(exc: RedisSearchError) -> bool:
    return any(words in _said(exc) for words in _MISSING)


def _said(exc: RedisSearchError) -> str:
    """The server's own words: redisvl's hold the index's name, too."""
    return str(driver_fault(exc) or exc).lower()
