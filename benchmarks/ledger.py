"""What a reservation costs: our ledger on SQLite and on Redis, beside stock LiteLLM's own, in one process. Linux only.

    make bench-ledger        or        .venv/bin/python benchmarks/ledger.py --requests 300 --rounds 5

Ours: `reserve`, `called` and `settle` of one request, each an atomic step over all budgets that cover it (of three, one
is a rolling window of 30 days; of six, two). Stock's: `budget_reservation` reserves on as many counters, and reconciles
them with what it cost; in its own memory, for one worker, and on the same Redis, as several workers share it. Its
counters are warm, so that it needs no database, and the task that renews them is left out, as is counting tokens, on
both sides. It marks no call as made, forgets nothing by itself and counts in floats: the columns do not do the same.

All four take turns of a few requests each, so that whatever else disturbs the machine disturbs all of them. The figures
are milliseconds of a whole request; the table shows the round with the lowest sum of medians. SQLite's file is on disk
in WAL mode; Redis is on this machine and saves nothing, or with `--appendonly` once a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from litellm_plugins.budgets.amounts import Amounts, Limits
from litellm_plugins.budgets.backends.redis import RedisLedger
from litellm_plugins.budgets.backends.sqlite import SqliteLedger
from litellm_plugins.budgets.backends.sqlite_schema import SCHEMA
from litellm_plugins.budgets.ledger import Granted, Ledger, Line, Span
from litellm_plugins.storage.redis import RedisServer as RedisConnection
from litellm_plugins.storage.sqlite import SqliteFile
from tests.support.redis_server import RedisServer

_RESERVED, _ACTUAL = Amounts(31_250_000, 1_200, 1), Amounts(12_345_678, 812, 1)
_RESERVED_USD, _ACTUAL_USD = 0.03125, 0.012345678
_PLENTY = Limits(10**15, 10**15, 10**15)
_DAY_MS = 86_400_000
_LEASE_MS = 900_000
_BUDGETS, _CONCURRENCY = (1, 3, 6), (1, 16)
_TURN = 32  # requests

Request = Callable[[], Awaitable[None]]
Took = dict[str, list[float]]  # milliseconds, by contender


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=300, help="of each kind, per round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--appendonly", action="store_true", help="let Redis save to its disk once a second")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        RedisServer(Path(folder) / "redis", appendonly="yes" if arguments.appendonly else "no") as server,
    ):
        report = asyncio.run(_measure(Path(folder), server, arguments))
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        _show(report)


async def _measure(folder: Path, server: RedisServer, arguments: argparse.Namespace) -> dict[str, Any]:
    ours: dict[str, Ledger] = {
        "SQLite": SqliteLedger(SqliteFile(folder / "ledger.db", schema=SCHEMA)),
        "Redis": RedisLedger(RedisConnection(server.url, timeout_s=30, max_connections=64), "benchmark"),
    }
    stock = _Stock(server)
    cases = []
    try:
        for concurrency in _CONCURRENCY:
            for budgets in _BUDGETS:
                contenders = {name: _ours(ledger, budgets) for name, ledger in ours.items()}
                contenders["stock, memory"] = await stock.request(budgets, on_redis=False)
                contenders["stock, Redis"] = await stock.request(budgets, on_redis=True)
                rounds = [
                    await _round(contenders, arguments.requests, concurrency) for _ in range(1 + arguments.rounds)
                ]
                best = min(rounds[1:], key=lambda took: sum(map(statistics.median, took.values())))
                cases.append({"concurrency": concurrency, "budgets": budgets, **_figures(best)})
    finally:
        for ledger in ours.values():
            await ledger.aclose()
        await stock.aclose()
    return {"cores": os.cpu_count(), "load": os.getloadavg()[0], "cases": cases}


async def _round(contenders: Mapping[str, Request], requests: int, concurrency: int) -> Took:
    took: Took = {name: [] for name in contenders}

    async def one(name: str, gate: asyncio.Semaphore) -> None:
        async with gate:
            began = time.perf_counter()
            await contenders[name]()
            took[name].append((time.perf_counter() - began) * 1_000)

    for _ in range(0, requests, _TURN):
        for name in contenders:
            gate = asyncio.Semaphore(concurrency)
            await asyncio.gather(*(one(name, gate) for _ in range(_TURN)))
    return took


def _figures(took: Took) -> dict[str, Any]:
    def percentile(figures: list[float], share: float) -> float:
        return sorted(figures)[min(len(figures) - 1, int(len(figures) * share))]

    return {name: [percentile(figures, 0.5), percentile(figures, 0.99)] for name, figures in took.items()}


def _ours(ledger: Ledger, budgets: int) -> Request:
    async def request() -> None:
        now_ms, call = int(time.time() * 1_000), uuid.uuid4().hex
        lines = _lines(budgets, now_ms)
        granted = await ledger.reserve(call, lines, _RESERVED, now_ms=now_ms, lease_ms=_LEASE_MS)
        if not isinstance(granted, Granted):
            raise RuntimeError(f"refused: {granted}")
        await ledger.called(call, now_ms=now_ms, lease_ms=_LEASE_MS)
        if not (await ledger.settle(call, _ACTUAL, now_ms=now_ms)).fresh:
            raise RuntimeError(f"{call} was settled before")

    return request


def _lines(budgets: int, now_ms: int) -> list[Line]:
    today = Span(now_ms - now_ms % _DAY_MS, now_ms - now_ms % _DAY_MS + _DAY_MS)
    month = Span(now_ms + 1 - 30 * _DAY_MS, now_ms + 1, rolling=True)
    return [
        Line(f"budget-{number}", f"budget-{number}/team=support", _PLENTY, month if number % 3 == 2 else today)
        for number in range(budgets)
    ]


class _Stock:
    """LiteLLM's reservation, as its proxy makes and reconciles it, on counters that are warm.

    By the functions beneath `reserve_budget_for_request`, which would count tokens and look counters up first.
    """

    def __init__(self, server: RedisServer) -> None:
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        from litellm.caching.redis_cache import RedisCache
        from litellm.proxy import proxy_server
        from litellm.proxy.spend_tracking import budget_reservation

        self._module, self._counters = budget_reservation, proxy_server.spend_counter_cache
        self._redis = RedisCache(host="127.0.0.1", port=server.port)

    async def request(self, budgets: int, *, on_redis: bool) -> Request:
        module, where = self._module, "redis" if on_redis else "memory"
        counters = [
            module._BudgetCounter(
                counter_key=f"spend:key:{where}-{number}",
                max_budget=1e9,
                fallback_spend=0.0,
                entity_type="Key",
                entity_id=f"{where}-{number}",
                source_cache_key=f"{where}-{number}",
            )
            for number in range(budgets)
        ]
        keys = frozenset(counter.counter_key for counter in counters)
        for key in keys:
            self._counters.in_memory_cache.set_cache(key=key, value=0.0, ttl=3_600)
            await self._redis.async_set_cache(key=key, value=0.0, ttl=3_600)

        async def request() -> None:
            self._counters.redis_cache = self._redis if on_redis else None
            entries: list[dict[str, Any]] = []
            with module._counters_batch_scope(keys):
                ready = await module._initialize_reservation_counters(
                    counters=counters, fail_closed_budget_enforcement=True
                )
                cost = await module._reserve_reservable_counters(
                    reservable=ready,
                    valid_token=None,
                    applied_entries=entries,
                    reservation_cost=_RESERVED_USD,
                    fail_closed_budget_enforcement=True,
                )
            if len(entries) != len(counters):
                raise RuntimeError(f"stock reserved on {len(entries)} of {len(counters)} counters")
            reservation = {"reserved_cost": cost, "entries": entries, "finalized": False}
            await module.reconcile_budget_reservation(reservation, actual_cost=_ACTUAL_USD)

        return request

    async def aclose(self) -> None:
        await self._redis.disconnect()


def _show(report: dict[str, Any]) -> None:
    console = Console(width=170)
    console.print(f"{report['cores']} cores, load {report['load']:.1f} in the end; ms of a whole request, p50 / p99")
    names = [name for name in report["cases"][0] if name not in ("concurrency", "budgets")]
    ratios = (("Redis", "stock, Redis"), ("SQLite", "stock, Redis"), ("SQLite", "stock, memory"))
    table = Table("at once", "budgets", *names, *(f"{one} / {other}" for one, other in ratios))
    for case in report["cases"]:
        table.add_row(
            str(case["concurrency"]),
            str(case["budgets"]),
            *(f"{case[name][0]:.2f} / {case[name][1]:.2f}" for name in names),
            *(f"{case[one][0] / case[other][0]:.2f}" for one, other in ratios),
        )
    console.print(table)


if __name__ == "__main__":
    main()
