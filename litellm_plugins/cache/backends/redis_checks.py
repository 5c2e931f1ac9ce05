"""The checks in Redis: a stream."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson

from litellm_plugins.cache.backends.redis_scripts import APPEND
from litellm_plugins.cache.checks import Check
from litellm_plugins.model import Layer, Outcome, Reason

if TYPE_CHECKING:
    from litellm_plugins.cache.backends.redis_fields import Names
    from litellm_plugins.storage.redis import RedisServer

_KEPT = 20_000  # checks, about 5 MB; the oldest go first
_PAGE = 1_000


class RedisCheckStore:
    """Keeps `CheckStore`. The server's connections belong to the entries' store, which closes them."""

    def __init__(self, server: RedisServer, names: Names) -> None:
        self._server, self._key = server, names.checks

    async def add(self, check: Check) -> None:
        item: list[str | bytes | int] = [_KEPT, "check", orjson.dumps(asdict(check))]
        await self._server.run(lambda redis: redis.register_script(APPEND)([self._key], item))

    async def newest(
        self, limit: int, *, since: float = 0.0, team: str | None = None, model_group: str | None = None
    ) -> list[Check]:
        found: list[Check] = []
        below = "+"
        while len(found) < limit:
            names, page = await self._page(below)
            found += [
                check
                for check in page
                if check.at >= since and team in (None, check.team) and model_group in (None, check.model_group)
            ]
            if len(page) < _PAGE:
                break
            below = f"({names[-1].decode()}"
        return found[:limit]

    async def _page(self, below: str) -> tuple[list[bytes], list[Check]]:
        items: Any = await self._server.run(lambda redis: redis.xrevrange(self._key, below, "-", count=_PAGE))
        return [name for name, _ in items], [_check(orjson.loads(fields[b"check"])) for _, fields in items]


def _check(told: dict[str, Any]) -> Check:
    words = {"layer": Layer(told["layer"]), "reason": Reason(told["reason"]), "outcome": Outcome(told["outcome"])}
    return Check(**{**told, **words})
