"""The audit journal in Redis: a stream, to which this pack only ever adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from litellm_plugins.cache.admin.audit import Record
from litellm_plugins.cache.backends.redis_scripts import APPEND

if TYPE_CHECKING:
    from litellm_plugins.cache.backends.redis_fields import Names
    from litellm_plugins.storage.redis import RedisServer

_KEPT = 100_000
_PAGE = 500


class RedisJournal:
    """Keeps `Journal`. The server's connections belong to the entries' store, which closes them."""

    def __init__(self, server: RedisServer, names: Names) -> None:
        self._server, self._key = server, names.journal

    async def append(self, record: Record) -> None:
        told = {"at": record.at, "actor": record.actor, "action": record.action, "count": record.count}
        item: list[str | bytes | int] = [_KEPT, "record", orjson.dumps({**told, "what": record.what})]
        await self._server.run(lambda redis: redis.register_script(APPEND)([self._key], item))

    async def latest(self, *, limit: int, before: int | None = None, action: str | None = None) -> list[Record]:
        found: list[Record] = []
        while len(found) < limit:
            page = await self._page(before)
            found += [record for record in page if action in (None, record.action)]
            if len(page) < _PAGE:
                break
            before = page[-1].id
        return found[:limit]

    async def _page(self, before: int | None) -> list[Record]:
        newest = "+" if before is None else f"({before}-0"
        items: Any = await self._server.run(lambda redis: redis.xrevrange(self._key, newest, "-", count=_PAGE))
        return [Record(**orjson.loads(fields[b"record"]), id=int(name.split(b"-")[0])) for name, fields in items]
