"""What judging cost, in Redis: a number for each day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litellm_plugins.cache.backends.redis_scripts import COUNT

if TYPE_CHECKING:
    from litellm_plugins.cache.backends.redis_fields import Names
    from litellm_plugins.storage.redis import RedisServer

_KEPT_S = 8 * 86_400


class RedisJudgeSpend:
    """Keeps `JudgeSpend`. The server's connections belong to the entries' store, which closes them."""

    def __init__(self, server: RedisServer, names: Names) -> None:
        self._server, self._names = server, names

    async def spent(self, day: str) -> int:
        held: Any = await self._server.run(lambda redis: redis.get(self._names.judge_spend(day)))
        return 0 if held is None else int(held)

    async def add(self, day: str, nano_usd: int) -> None:
        key = self._names.judge_spend(day)
        await self._server.run(lambda redis: redis.register_script(COUNT)([key], [nano_usd, _KEPT_S]))
