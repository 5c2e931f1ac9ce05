"""Judged pairs in Redis: sorted sets, of pairs by when they end, and of answers by how many vouch for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from litellm_plugins.cache.backends.redis_fields import hashed
from litellm_plugins.cache.backends.redis_scripts import BAR, UNBAR, VOUCH
from litellm_plugins.cache.pairs import MOST_KEPT

if TYPE_CHECKING:
    from litellm_plugins.cache.backends.redis_fields import Names
    from litellm_plugins.storage.redis import RedisServer


class RedisPairs:
    """Keeps `PairStore`. The server's connections belong to the entries' store, which closes them."""

    def __init__(
        self, server: RedisServer, names: Names, *, most: int = MOST_KEPT, clock: Callable[[], float] = time.time
    ) -> None:
        self._server, self._pairs, self._vouched = server, names.barred_pairs, names.vouched_answers
        self._most, self._clock = most, clock

    async def bar(self, tenant: str, pairs: Sequence[bytes], *, until_s: float) -> None:
        given: list[Any] = [repr(self._clock()), repr(until_s), self._most, *_named(tenant, pairs)]
        await self._server.run(lambda redis: redis.register_script(BAR)([self._pairs], given))

    async def unbar(self, tenant: str, pairs: Sequence[bytes], *, ending_by_s: float) -> None:
        given: list[Any] = [repr(ending_by_s), *_named(tenant, pairs)]
        await self._server.run(lambda redis: redis.register_script(UNBAR)([self._pairs], given))

    async def is_barred(self, tenant: str, pairs: Sequence[bytes]) -> bool:
        ends: Any = await self._server.run(lambda redis: redis.zmscore(self._pairs, _named(tenant, pairs)))
        return any(end is not None and float(end) > self._clock() for end in ends)

    async def vouch(self, tenant: str, answer: bytes, by: int) -> int:
        given: list[Any] = [*_named(tenant, [answer]), by, self._most]
        return int(await self._server.run(lambda redis: redis.register_script(VOUCH)([self._vouched], given)))

    async def vouched(self, tenant: str, answer: bytes) -> int:
        [name] = _named(tenant, [answer])
        found: Any = await self._server.run(lambda redis: redis.zscore(self._vouched, name))
        return 0 if found is None else int(found)


def _named(tenant: str, pairs: Sequence[bytes]) -> list[str]:
    return [f"{hashed(tenant)}:{pair.hex()}" for pair in pairs]
