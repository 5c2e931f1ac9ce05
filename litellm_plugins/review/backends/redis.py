"""Feedback, and what it may be about, in Redis: a string for each name of an answer, a hash for all feedback.

What was served ends by itself; above the bound the oldest goes first, by a ring of its names. Whatever a client may
have named is hashed before it becomes part of a key. What feedback is kept in has the same part in braces, so that a
cluster keeps it together.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from hashlib import sha1, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from litellm_plugins.review.feedback import MOST_KEPT, MOST_KEPT_OF_ONE, About, Feedback, Served, Verdict

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from litellm_plugins.storage.redis import RedisServer

VERSION = 1  # of this layout
_PAGE = 1_000
_PUT = Path(__file__).with_name("lua").joinpath("feedback_put.lua").read_text(encoding="utf-8")


class RedisFeedback:
    """Keeps `FeedbackStore`. The server's connections belong to the entries' store, which closes them."""

    def __init__(
        self,
        server: RedisServer,
        prefix: str,
        *,
        keep_s: float,
        max_served: int,
        max_kept: int = MOST_KEPT,
        max_kept_of_one: int = MOST_KEPT_OF_ONE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._server, self._prefix = server, f"{prefix}:{VERSION}:review"
        self._root, self._bounds = f"{prefix}:{VERSION}:{{review}}", (max_kept, max_kept_of_one)
        self._keep_ms, self._max_served, self._clock = math.ceil(keep_s * 1_000), max_served, clock

    async def serve(self, served: Sequence[Served]) -> None:
        async def work(redis: Redis) -> None:
            pipeline = redis.pipeline(transaction=False)
            for each in served:
                told = _dumped(each)
                lasts = self._keep_ms - int((self._clock() - each.at_s) * 1_000)
                if lasts <= 0:
                    continue
                names = [self._name(About.CALL, each.call_id), self._name(About.TRACE, each.trace_id)]
                for name in names:
                    pipeline.set(name, told, px=lasts, nx=True)
                if each.cache_id:
                    for tenant in (each.tenant, ""):  # "": whoever had it last
                        names.append(self._name(About.CACHE, each.cache_id, tenant))
                        pipeline.set(names[-1], told, px=lasts)
                pipeline.zadd(self._ring, dict.fromkeys(names, each.at_s))
            pipeline.zcard(self._ring)
            over = (await pipeline.execute())[-1] - 4 * self._max_served
            if over > 0:
                oldest: Any = await redis.zpopmin(self._ring, over)
                await redis.unlink(*(name for name, _ in oldest))

        await self._server.run(work)

    async def find(self, about: About, target: str, tenant: str) -> Served | None:
        names = [self._name(about, target)]
        if about is About.CACHE:
            names = [self._name(about, target, tenant), self._name(about, target, "")]

        async def work(redis: Redis) -> list[Any]:
            return [await redis.get(name) for name in names]

        found: list[Any] = await self._server.run(work)
        first = next((told for told in found if told is not None), None)
        return None if first is None else Served(**orjson.loads(first))

    async def put(self, feedback: Feedback) -> bool:
        keys = [self._all, self._by_time, f"{self._root}:tenants"]
        said = (feedback.id, _dumped(feedback), repr(feedback.at_s), feedback.tenant)
        given: list[Any] = [*said, *self._bounds, self._of("")]
        return bool(await self._server.run(lambda redis: redis.register_script(_PUT)(keys, given)))

    async def latest(self, limit: int, *, tenant: str | None = None, before_s: float = math.inf) -> list[Feedback]:
        found: list[Feedback] = []
        start, ids = (
            0,
            self._by_time if tenant is None else self._of(sha1(tenant.encode(), usedforsecurity=False).hexdigest()),
        )
        highest = "+inf" if math.isinf(before_s) else f"({before_s!r}"
        while len(found) < limit:
            page, is_last = await self._page(ids, highest, start)
            found += page
            if is_last:
                break
            start += _PAGE
        return found[:limit]

    async def _page(self, by_time: str, highest: str, start: int) -> tuple[list[Feedback], bool]:
        async def work(redis: Redis) -> list[Any]:
            ids: Any = await redis.zrevrangebyscore(by_time, highest, "-inf", start=start, num=_PAGE)
            return await redis.hmget(self._all, ids) if ids else []

        told: list[Any] = await self._server.run(work)
        return [_feedback(orjson.loads(each)) for each in told if each is not None], len(told) < _PAGE

    def _name(self, about: About, target: str, tenant: str | None = None) -> str:
        of = "" if tenant is None else f":{_hashed(tenant)}"
        return f"{self._prefix}:served:{about}:{_hashed(target)}{of}"

    @property
    def _ring(self) -> str:
        return f"{self._prefix}:ring"

    @property
    def _all(self) -> str:
        return f"{self._root}:feedback"

    @property
    def _by_time(self) -> str:
        return f"{self._root}:feedback-by-time"

    def _of(self, tenant: str) -> str:
        return f"{self._root}:feedback-of:{tenant}"


def _dumped(told: Served | Feedback) -> bytes:
    """Without a route where there is none: a worker of the version before does not know the word."""
    return orjson.dumps({name: value for name, value in asdict(told).items() if name != "route" or value})


def _hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]


def _feedback(told: dict[str, Any]) -> Feedback:
    verdict = told["verdict"]
    words = {"about": About(told["about"]), "verdict": None if verdict is None else Verdict(verdict)}
    return Feedback(**{**told, **words})
