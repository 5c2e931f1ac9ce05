"""The ledger on Redis: one Lua script per method.

No key but that of a settled call has a lifetime, since a server that runs out of memory evicts those first. What is
over is removed by the scripts themselves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from redis.exceptions import NoScriptError, ResponseError

from litellm_plugins.budgets.amounts import METRICS, Amounts, Limits
from litellm_plugins.budgets.backends import redis_keys as layout
from litellm_plugins.budgets.backends import redis_scripts as scripts
from litellm_plugins.budgets.backends.redis_scripts import Script
from litellm_plugins.budgets.ledger import Balance, Denied, Granted, Line, OnLapse, Settlement

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from litellm_plugins.storage.redis import RedisServer

_LOG = logging.getLogger(__name__)
_READ_AT_ONCE = 100  # accounts: less than a millisecond of the server


class RedisLedger:
    """Keeps `Ledger`, and closes its connections. They are its own: no look-up that gives up early speaks for money."""

    def __init__(self, server: RedisServer, prefix: str, *, on_lapse: OnLapse = "charge") -> None:
        self._server, self._key, self._on_lapse = server, layout.leases(prefix), on_lapse
        self._looked = False
        self._settling: set[asyncio.Task[list[Any]]] = set()

    async def reserve(
        self, call_id: str, lines: Sequence[Line], amount: Amounts, *, now_ms: int, lease_ms: int
    ) -> Granted | Denied:
        arguments: list[layout.Argument] = [call_id, lease_ms, *layout.amounts(amount)]
        spans = [line.span for line in lines]
        for line in lines:
            counted_at = line.span.counted_at(now_ms)
            arguments += [*layout.window(line), *layout.limits(line.limits), counted_at, *layout.more(line)]
        await self._look_once()
        verdict, lost, *rest = await self._finished(scripts.RESERVE, now_ms, arguments)
        if lost:
            _LOG.warning("Redis has lost what was spent of %d accounts, the first: %s", len(lost), lost[0].decode())
        if verdict == b"granted":
            return Granted(tuple(layout.balance(*pair) for pair in zip(rest[0], spans, strict=True)))
        number, metric, free_at, held = rest
        free_at_ms = None if int(free_at) < 0 else int(free_at)
        line, held_there = lines[number - 1], layout.balance(held, spans[number - 1])
        if held_there.account != line.account:
            line = line.counted_among_others
        return Denied(line, held_there, METRICS[metric - 1], free_at_ms)

    async def called(self, call_id: str, *, now_ms: int, lease_ms: int) -> None:
        await self._run(scripts.CALLED, now_ms, [call_id, lease_ms])

    async def settle(self, call_id: str, actual: Amounts, *, now_ms: int) -> Settlement:
        settling = asyncio.create_task(self._run(scripts.SETTLE, now_ms, [call_id, *layout.amounts(actual)]))
        self._settling.add(settling)  # the loop itself keeps no task alive
        settling.add_done_callback(self._settling.discard)
        fresh, *told = await asyncio.shield(settling)
        return Settlement(bool(fresh), tuple(layout.balances(told[0])) if told else ())

    async def lapse(self, *, now_ms: int) -> int:
        ended, more = 0, 1
        while more:
            count, more = await self._run(scripts.LAPSE, now_ms, [])
            ended += count
        return ended

    async def balances(self, *, now_ms: int, account: str | None = None) -> list[Balance]:
        names = await self._find(now_ms, account)
        found: list[Any] = []
        for first in range(0, len(names), _READ_AT_ONCE):
            page = [part for name in names[first : first + _READ_AT_ONCE] for part in name]
            _, told = await self._finished(scripts.READ, now_ms, page)
            found += told
        return layout.balances(found)

    async def reset(self, account: str, *, now_ms: int) -> int:
        names = await self._find(now_ms, account)
        (count,) = await self._run(scripts.RESET, now_ms, [part for name in names for part in name])
        return int(count)

    async def limit(self, line: Line, limits: Limits | None, *, now_ms: int) -> None:
        given: list[layout.Argument] = [0] if limits is None else [1, *layout.limits(limits)]
        await self._run(scripts.LIMIT, now_ms, [*layout.window(line), *given])

    async def aclose(self) -> None:
        await asyncio.gather(*self._settling, return_exceptions=True)
        await self._server.aclose()

    async def _find(self, now_ms: int, account: str | None) -> list[list[Any]]:
        _, names = await self._finished(scripts.FIND, now_ms, [account or ""])
        return list(names)

    async def _finished(self, script: Script, now_ms: int, arguments: Sequence[layout.Argument]) -> list[Any]:
        """After as many steps as it takes to end what is over; no single one keeps the server busy for long."""
        while True:
            said = await self._run(script, now_ms, arguments)
            if said[0] != b"again":
                return said

    async def _run(self, script: Script, now_ms: int, arguments: Sequence[Any]) -> list[Any]:
        given = (self._key, now_ms, self._on_lapse, *arguments)

        async def send(redis: Redis) -> list[Any]:
            try:
                told: Any = await redis.evalsha(script.sha, 1, *given)
            except NoScriptError:  # a server that was started anew; this also teaches it
                told = await redis.eval(script.text, 1, *given)
            return list(told)

        return await self._server.run(send)

    async def _look_once(self) -> None:
        """Warn of a server that may throw away what was spent."""
        if self._looked:
            return
        self._looked = True
        try:
            policy = await self._server.run(_policy)
        except BaseException:
            self._looked = False
            raise
        if policy.startswith("allkeys"):
            _LOG.warning(
                "Redis has a maxmemory and evicts by %s: it may forget what was spent, and budgets be overrun; "
                "set maxmemory-policy to noeviction or volatile-lru, or give the ledger a server of its own",
                policy,
            )


async def _policy(redis: Redis) -> str:
    """How the server makes room; "" where it needs none, or does not say."""
    try:
        memory = await redis.info("memory")
    except ResponseError:  # the user may not ask
        return ""
    return str(memory.get("maxmemory_policy", "")) if memory.get("maxmemory") else ""
