"""What workers tell each other of prompts, in Redis: a stream of sights, a hash for each family.

Every key has the same part in braces, so that a cluster keeps them together.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from litellm_plugins.prompt_caching.store import (
    FORGET_AT_ONCE,
    KEEP_FAMILIES_MS,
    KEEP_SIGHTS_MS,
    MOST_SIGHTS,
    Batch,
    Kept,
)
from litellm_plugins.storage.feeds import stream_since

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from litellm_plugins.storage.redis import RedisServer

VERSION = 1  # of this layout
_ADD = Path(__file__).with_name("lua").joinpath("add.lua").read_text(encoding="utf-8")
_COUNT = b"n:"


class RedisPrompts:
    """Keeps `PromptStore`, and closes its connections."""

    def __init__(self, server: RedisServer, prefix: str, *, max_families: int) -> None:
        self._server, self._max_families = server, max_families
        self._root = f"{prefix}:{VERSION}:{{prompts}}"
        self._stream, self._names = f"{self._root}:sights", f"{self._root}:families"

    async def add(self, batch: Batch, *, now_ms: int) -> bool:
        of_family = f"{self._root}:family:"
        keys = [f"{self._root}:batch:{batch.id}", self._stream, self._names]
        given: list[Any] = [now_ms, KEEP_SIGHTS_MS, MOST_SIGHTS, KEEP_FAMILIES_MS, self._max_families, FORGET_AT_ONCE]
        given += [of_family, batch.worker, batch.sights]
        for name, told in batch.families.items():
            keys.append(of_family + name)
            given += [name, told.last, len(told.counts)]
            for what, times in told.counts.items():
                given += [what, times]
        return bool(await self._server.run(lambda redis: redis.register_script(_ADD)(keys, given)))

    async def since(self, cursor: str, worker: str) -> tuple[list[bytes], str]:
        return await stream_since(self._server, self._stream, cursor, worker)

    async def families(self) -> dict[str, Kept]:
        async def work(redis: Redis) -> list[tuple[bytes, dict[bytes, bytes]]]:
            names: Any = await redis.zrange(self._names, 0, -1)
            pipeline = redis.pipeline(transaction=False)
            for name in names:
                pipeline.hgetall(f"{self._root}:family:{name.decode()}")
            return list(zip(names, await pipeline.execute(), strict=True)) if names else []

        return {name.decode(): _kept(told) for name, told in await self._server.run(work) if told}

    async def aclose(self) -> None:
        await self._server.aclose()


def _kept(told: dict[bytes, bytes]) -> Kept:
    counts = {name.removeprefix(_COUNT).decode(): int(times) for name, times in told.items() if name.startswith(_COUNT)}
    return Kept(int(told[b"since"]), counts, told[b"last"])
