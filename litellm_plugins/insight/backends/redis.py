"""Usage in Redis: a hash for each hour, removed with what is added later; a sorted set of examples.

Every key has the same part in braces, so that a cluster keeps them together. Lua's numbers are doubles: a row's sums
are exact below 2^53, in nano-dollars about nine million dollars.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from litellm_plugins.insight.routes import RouteSums, RouteWords
from litellm_plugins.insight.store import (
    KEEP_BATCHES_MS,
    KEEP_EXAMPLES_MS,
    MOST_ANOMALIES,
    MOST_EXAMPLES,
    Batch,
    ToldAnomaly,
)
from litellm_plugins.insight.usage import HOUR_S, Dimension, Example, Row, Sums, Tally, Words, grouped, places, tallied

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from litellm_plugins.storage.redis import RedisServer

VERSION = 1  # of this layout
_FOLDER = Path(__file__).with_name("lua")
_ADD, _TURN = ((_FOLDER / f"{name}.lua").read_text(encoding="utf-8") for name in ("add", "turn"))
_READ_AT_ONCE = 24  # hours


class RedisUsage:
    """Keeps `UsageStore`, and closes its connections."""

    def __init__(self, server: RedisServer, prefix: str, *, keep_hours: int) -> None:
        self._server, self._root, self._keep_hours = server, f"{prefix}:{VERSION}:{{insight}}", keep_hours

    async def add(self, batch: Batch, *, now_ms: int) -> bool:
        if batch.routes:  # first, and under a mark of its own: what fails after it is given again, and counts once
            await self._add_routes(batch, now_ms)
        hours: dict[int, list[str | bytes]] = defaultdict(list)
        for (hour, words), sums in batch.sums.items():
            hours[hour] += [orjson.dumps(words), _written(sums)]
        keys = [f"{self._root}:batch:{batch.id}", self._examples, self._hours, *map(self._hour, hours)]
        given: list[Any] = [KEEP_BATCHES_MS, now_ms - KEEP_EXAMPLES_MS, MOST_EXAMPLES, KEEP_EXAMPLES_MS]
        given += [now_ms // 1_000, len(batch.examples)]
        for each in batch.examples:
            given += [each.at_ms, orjson.dumps(asdict(each))]
        for hour, rows in hours.items():
            given += [(hour + 1 + self._keep_hours) * HOUR_S, len(rows) // 2, *rows]
        return bool(await self._server.run(lambda redis: redis.register_script(_ADD)(keys, given)))

    async def _add_routes(self, batch: Batch, now_ms: int) -> None:
        hours: dict[int, list[str | bytes]] = defaultdict(list)
        for (hour, words), sums in batch.routes.items():
            hours[hour] += [orjson.dumps(words), _written(sums)]
        keys = [f"{self._root}:batch:{batch.id}:routes", self._examples, self._route_hours]
        keys += [f"{self._root}:routes:{hour}" for hour in hours]
        given: list[Any] = [KEEP_BATCHES_MS, 0, MOST_EXAMPLES, KEEP_EXAMPLES_MS, now_ms // 1_000, 0]
        for hour, rows in hours.items():
            given += [(hour + 1 + self._keep_hours) * HOUR_S, len(rows) // 2, *rows]
        await self._server.run(lambda redis: redis.register_script(_ADD)(keys, given))

    async def rows(
        self, since: int, until: int, by: Sequence[Dimension], *, of: tuple[Dimension, str] | None = None
    ) -> list[Row]:
        at, found = places(by), list[Row]()
        whose = None if of is None else (places((of[0],))[0], of[1])
        kept = await self._kept(since, until)
        for first in range(0, len(kept), _READ_AT_ONCE):
            hours = kept[first : first + _READ_AT_ONCE]
            found += await asyncio.to_thread(_rows, hours, await self._read(hours), at, whose)
        return found

    async def tallied(self, since: int, until: int, groups: Sequence[Sequence[Dimension]]) -> list[dict[Words, Tally]]:
        found: dict[Words, Sums] = {}  # most words are those of other hours, too
        kept = await self._kept(since, until)
        for first in range(0, len(kept), _READ_AT_ONCE):
            told = await self._read(kept[first : first + _READ_AT_ONCE])
            await asyncio.to_thread(_fold, found, told)
        return await asyncio.to_thread(tallied, found, groups)

    async def routes(self, since: int, until: int) -> dict[RouteWords, RouteSums]:
        there = await self._kept(since, until, self._route_hours)

        async def work(redis: Redis) -> list[dict[bytes, bytes]]:
            pipe = redis.pipeline(transaction=False)
            for hour in there:
                pipe.hgetall(f"{self._root}:routes:{hour}")
            told: list[dict[bytes, bytes]] = await pipe.execute()
            return told

        found: dict[RouteWords, RouteSums] = {}
        for each in await self._server.run(work) if there else ():
            for words, sums in each.items():
                route, ending = orjson.loads(words)
                one = RouteSums(*map(int, sums.split(b",")))
                found[route, ending] = found.get((route, ending), RouteSums()).plus(one)
        return found

    async def examples(self, since_ms: int) -> list[Example]:
        told: Any = await self._server.run(lambda redis: redis.zrangebyscore(self._examples, since_ms, "+inf"))
        found = [Example(**orjson.loads(each)) for each in told]
        return sorted(found, key=lambda each: (-each.spent_nano_usd, each.at_ms))

    async def take_turn(self, name: str, *, now_ms: int, for_ms: int) -> bool:
        keys = [f"{self._root}:turn:{name}"]
        return bool(await self._server.run(lambda redis: redis.register_script(_TURN)(keys, [now_ms, for_ms])))

    async def aclose(self) -> None:
        await self._server.aclose()

    async def _kept(self, since: int, until: int, among: str = "") -> list[int]:
        """The hours that there are: whoever asks for all time asks for no more."""
        there: Any = await self._server.run(lambda redis: redis.zrange(among or self._hours, 0, -1))
        numbers = sorted(int(name.rpartition(b":")[2]) for name in there)
        return [hour for hour in numbers if since <= hour < until]

    async def _read(self, hours: Sequence[int]) -> list[dict[bytes, bytes]]:
        async def work(redis: Redis) -> list[dict[bytes, bytes]]:
            pipe = redis.pipeline(transaction=False)
            for hour in hours:
                pipe.hgetall(self._hour(hour))
            told: list[dict[bytes, bytes]] = await pipe.execute()
            return told

        return await self._server.run(work)

    @property
    def _examples(self) -> str:
        return f"{self._root}:calls"

    @property
    def _hours(self) -> str:
        return f"{self._root}:hours"

    @property
    def _route_hours(self) -> str:
        return f"{self._root}:route-hours"

    def _hour(self, hour: int) -> str:
        return f"{self._root}:hour:{hour}"


class RedisAnomalies:
    """Keeps `AnomalyLog`. The server's connections belong to whoever opened them."""

    def __init__(self, server: RedisServer, prefix: str) -> None:
        self._server, self._key = server, f"{prefix}:{VERSION}:{{insight}}:anomalies"

    async def keep(self, told: ToldAnomaly) -> None:
        async def work(redis: Redis) -> None:
            pipe = redis.pipeline(transaction=True)
            pipe.zadd(self._key, {orjson.dumps(asdict(told)): told.at_ms})
            pipe.zremrangebyrank(self._key, 0, -MOST_ANOMALIES - 1)
            await pipe.execute()

        await self._server.run(work)

    async def latest(self, most: int, *, since_ms: int, team: str | None) -> list[ToldAnomaly]:
        told: Any = await self._server.run(lambda redis: redis.zrangebyscore(self._key, since_ms, "+inf"))
        given = map(orjson.loads, told)
        found = [ToldAnomaly(**{**each, "subject": tuple(each["subject"])}) for each in given]
        mine = [each for each in found if team is None or each.team == team]
        return sorted(mine, key=lambda each: (-each.at_ms, each.id))[:most]


def _rows(
    hours: Sequence[int], told: Sequence[dict[bytes, bytes]], at: Sequence[int], whose: tuple[int, str] | None
) -> list[Row]:
    """In a thread: a day of busy hours would hold the loop up for some tenths of a second."""
    found: list[Row] = []
    for hour, each in zip(hours, told, strict=True):
        rows = [Row(hour, tuple(orjson.loads(words)), _sums(sums)) for words, sums in each.items()]
        if whose is not None:
            rows = [row for row in rows if row.words[whose[0]] == whose[1]]
        found += [Row(hour, *pair) for pair in sorted(grouped(rows, at).items())]
    return found


def _fold(found: dict[Words, Sums], told: Sequence[dict[bytes, bytes]]) -> None:
    """In a thread, for the same reason."""
    for each in told:
        for words, sums in each.items():
            key, one = tuple(orjson.loads(words)), _sums(sums)
            before = found.get(key)
            found[key] = one if before is None else before.plus(one)


def _written(sums: Iterable[int]) -> str:
    """As numbers: a truth value would read as a word, and its row could not be read again."""
    return ",".join(str(int(each)) for each in sums)


def _sums(told: bytes) -> Sums:
    return Sums(*map(int, told.split(b",")))
