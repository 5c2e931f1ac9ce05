"""Items to review, in Redis: hashes by id, and sorted sets of ids. Every key has the same part in braces."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellm_plugins.review.backends.sqlite_items import is_looked_at
from litellm_plugins.review.items import Item, State
from litellm_plugins.review.store import facts_of, item_of, items_of, state_of, texts_of

if TYPE_CHECKING:
    from litellm_plugins.storage.redis import RedisServer

VERSION = 1  # of this layout
_PAGE = 1_000
_WORTH = 1e11  # more than any time in seconds
_FOLDER = Path(__file__).with_name("lua")
_ADD, _SWAP = ((_FOLDER / f"items_{name}.lua").read_text(encoding="utf-8") for name in ("add", "swap"))
_KEYS = ("facts", "states", "texts", "names", "pairs", "worth", "judged", "sample", "looked")


class RedisItems:
    """Keeps `ItemStore`. The server's connections belong to the entries' store, which closes them."""

    def __init__(self, server: RedisServer, prefix: str, *, max_items: int) -> None:
        self._server, self._most = server, max_items
        self._key = {name: f"{prefix}:{VERSION}:{{review}}:items:{name}" for name in _KEYS}

    async def add(self, items: Sequence[Item]) -> None:
        keys = [self._key[name] for name in _KEYS]
        given: list[Any] = [self._most]
        for item in items:
            given += _row(item)
        await self._server.run(lambda redis: redis.register_script(_ADD)(keys, given))

    async def find(self, id_: str) -> Item | None:
        async def work(redis: Any) -> list[bytes | None]:  # noqa: ANN401 - the driver's, which is not imported here
            return [await redis.hget(self._key[name], id_) for name in ("facts", "states", "texts")]

        facts, state, texts = await self._server.run(work)
        return None if facts is None or state is None else item_of(facts, state, texts or b"")

    async def named(self, name: str, *, tenant: str | None) -> Item | None:
        field = name if tenant is None else f"{tenant} {name}"
        found: Any = await self._server.run(lambda redis: redis.hget(self._key["names"], field))
        return None if found is None else await self.find(found.decode())

    async def waiting(self, limit: int, *, team: str | None, tenant: str | None) -> list[Item]:
        found: list[Item] = []
        start = 0
        while len(found) < limit:
            page = await self._ids(
                lambda redis, at=start: redis.zrevrangebyscore(
                    self._key["worth"], f"({2 * _WORTH!r}", repr(_WORTH), start=at, num=_PAGE
                )
            )
            found += [item for item in await self._read(page, team, tenant) if not item.control]
            if len(page) < _PAGE:
                break
            start += _PAGE
        return await self._with_served(found[:limit])

    async def sample(self, *, since_s: float, team: str | None, tenant: str | None) -> list[Item]:
        ids = await self._ids(lambda redis: redis.zrange(self._key["sample"], 0, -1))
        return [item for item in await self._read(ids, team, tenant) if item.at_s >= since_s]

    async def judged(self, *, since_s: float, team: str | None, tenant: str | None) -> list[Item]:
        ids = await self._ids(lambda redis: redis.zrevrange(self._key["looked"], 0, -1))
        items = await self._read(ids, team, tenant)
        return [item for item in items if max(item.at_s, item.state.judged_at_s) >= since_s]

    async def swap(self, item: Item, state: State) -> bool:
        keys = [self._key[name] for name in ("states", "worth", "judged", "looked")]
        given: list[Any] = [item.id, state_of(item.state), state_of(state), repr(item.at_s), state.worth]
        given.append(int(is_looked_at(state)))
        return bool(await self._server.run(lambda redis: redis.register_script(_SWAP)(keys, given)))

    async def forget_texts(self, *, before_s: float) -> int:
        return sum([await self._forget_texts(worth * _WORTH, before_s) for worth in range(3)])

    async def _forget_texts(self, worth: float, before_s: float) -> int:
        """Of one worth, which stands before the time in each score."""
        gone = start = 0
        while True:
            page = await self._ids(
                lambda redis, at=start: redis.zrangebyscore(
                    self._key["worth"], repr(worth), f"({worth + before_s!r}", start=at, num=_PAGE
                )
            )

            async def work(redis: Any, page: list[bytes] = page) -> int:  # noqa: ANN401 - the driver's
                return int(await redis.hdel(self._key["texts"], *page))

            gone += await self._server.run(work) if page else 0
            if len(page) < _PAGE:
                return gone
            start += _PAGE

    async def _ids(self, work: Any) -> list[bytes]:  # noqa: ANN401 - of the driver's client
        ids: list[bytes] = await self._server.run(work)
        return ids

    async def _read(self, ids: Sequence[bytes], team: str | None, tenant: str | None) -> list[Item]:
        found: list[Item] = []
        for at in range(0, len(ids), _PAGE):
            page = list(ids[at : at + _PAGE])

            async def work(redis: Any, page: list[bytes] = page) -> list[Any]:  # noqa: ANN401 - the driver's
                return [await redis.hmget(self._key[name], page) for name in ("facts", "states")]

            facts, states = await self._server.run(work)
            found += await asyncio.to_thread(_items, facts, states)  # requests go on meanwhile
        return [item for item in found if team in (None, item.team) and tenant in (None, item.tenant)]

    async def _with_served(self, items: list[Item]) -> list[Item]:
        if not items:
            return []
        counts: Any = await self._server.run(lambda redis: redis.hmget(self._key["pairs"], [i.pair for i in items]))
        return [replace(item, served=int(count or 1)) for item, count in zip(items, counts, strict=True)]


def _items(facts: Sequence[bytes | None], states: Sequence[bytes | None]) -> list[Item]:
    both = zip(facts, states, strict=True)
    return items_of((fact, state) for fact, state in both if fact is not None and state is not None)


def _row(item: Item) -> list[Any]:
    state, draw = item.state, repr(item.draw) if item.control else ""
    named = [item.id, item.trace_id, item.call_id, item.pair, repr(item.at_s), state.worth, draw]
    return [*named, int(is_looked_at(state)), facts_of(item), state_of(state), texts_of(item)]
