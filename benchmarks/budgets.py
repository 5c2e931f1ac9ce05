"""How far spend runs past a budget: LiteLLM's own on a real Postgres, and ours, under the same load in one run.

    make bench-budgets        or, one case alone, in a minute or two:
    .venv/bin/python benchmarks/budgets.py --workers 2 --only "ours, SQLite" --cases plain --rows rows.json

`--rows FILE` keeps what was measured: the table shows all of it, and what stands there is not measured again. So a run
that was interrupted goes on, and several short ones make one table.

Each row is a fresh virtual key with room for ten requests of a fixed length, and for half of an eleventh. 64 come at
once, then 10 more one after the other: what was not seen at once may be seen later. The bill is what the local provider
charges, token by token, at the price of gpt-4.1, in whole nano-dollars; overshoot is by how much it passes the budget.

Streams break half way through, on the provider's side, and the provider bills what it has sent. The unpriced model is
one that the host's price list lacks, billed all the same. Nothing is cached, and nobody asks the same question twice.
Counts and overshoot do not depend on how fast the machine is. "Redis" is one server: stock keeps its spend counters
there, and we the ledger; without it stock counts in each worker's memory and in Postgres, and we on SQLite.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from litellm_plugins.simulator import SimulatorProcess, SimulatorSettings
from tests.support.config import MASTER_KEY, model
from tests.support.database import DatabaseProxy, database_proxy, why_no_database
from tests.support.postgres import PostgresServer
from tests.support.redis_server import RedisMissing, RedisServer

_AT_ONCE, _AFTERWARDS = 64, 10
_FIT, _ROOM_FOR = 10, 10.5  # budgets are no multiple of what a request costs
_INPUT_NANO, _OUTPUT_NANO, _NANO = 2_000, 8_000, 1_000_000_000  # gpt-4.1: 2 and 8 dollars per million tokens
_OUTPUT_TOKENS = 16
_SETTLE_S = 3.0  # both book after the answer
_numbers = itertools.count(100_000)  # of one length, and so of one price


@dataclass(frozen=True)
class Case:
    """What is asked of which model."""

    name: str
    model: str
    stream: bool = False


@dataclass(frozen=True)
class Contender:
    """Whose budget it is. Ours are written in the settings, the host's on each key."""

    name: str
    ours: bool = False
    fail_closed: bool = False
    on_redis: bool = False
    broken_streams: str = "heard"


@dataclass(frozen=True)
class Row:
    """One load on one key. `let_through` is what reached the provider of those at once, `later` of the rest."""

    case: str
    contender: str
    workers: int
    let_through: int
    later: int
    overshoot_percent: float
    refusals: dict[str, int]

    @property
    def place(self) -> tuple[str, str, int]:
        """What was measured."""
        return self.case, self.contender, self.workers


PLAIN = Case("plain", "gpt-4.1")
CASES = (
    PLAIN,
    Case("stream breaks half way", "breaks", stream=True),
    Case("model without a price", "unpriced"),
    Case("the same, priced in our settings", "priced-by-us"),
)
CONTENDERS = (
    Contender("stock"),
    Contender("stock, Redis", on_redis=True),
    Contender("stock, fail closed", fail_closed=True),
    Contender("ours, SQLite", ours=True),
    Contender("ours, Redis", ours=True, on_redis=True),
    Contender("ours, broken streams reserved", ours=True, broken_streams="reserved"),
)


def main() -> None:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing is left running
    console = Console(stderr=True)
    missing = why_no_database()
    if missing:
        sys.exit(missing)
    rows = _kept(arguments.rows)
    done = {row.place for row in rows}
    wanted = [
        (workers, contender, cases)
        for workers, contender in itertools.product(arguments.workers, CONTENDERS)
        if contender.name in arguments.only
        and (cases := [c for c in CASES if c.name in arguments.cases and (c.name, contender.name, workers) not in done])
    ]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        provider, postgres = stack.enter_context(_provider()), stack.enter_context(PostgresServer())
        budget_nano = int(_ROOM_FOR * _cost_nano(provider))
        bench = Bench(folder, provider, postgres, budget_nano)
        progress = stack.enter_context(_progress(console))
        task = progress.add_task("", total=sum(len(cases) for *_, cases in wanted))
        for workers, contender, cases in wanted:
            who = f"{contender.name}, {workers} worker{'s' if workers > 1 else ''}"
            progress.update(task, description=f"{who}: starting")
            try:
                for row in bench.measured(contender, workers, cases):
                    progress.console.print(
                        f"{who}, {row.case}: {row.let_through} + {row.later}, {row.overshoot_percent:+.1f} %"
                    )
                    progress.update(task, advance=1, description=who)
                    rows.append(row)
                    _keep(arguments.rows, rows)
            except (AssertionError, RedisMissing) as exc:  # it did not boot: what the others did still counts
                progress.console.print(f"{who}: left out: {str(exc).splitlines()[0]}")
    if arguments.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        Console().print(_table(rows, budget_nano))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names, cases = [contender.name for contender in CONTENDERS], [case.name for case in CASES]
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="CONTENDER", help=", ".join(names))
    parser.add_argument("--cases", nargs="+", choices=cases, default=cases, metavar="CASE", help=", ".join(cases))
    parser.add_argument("--rows", type=Path, metavar="FILE", help="what was measured before, and is kept")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _progress(console: Console) -> Progress:
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    return Progress(*columns, console=console)


def _kept(file: Path | None) -> list[Row]:
    return [] if file is None or not file.exists() else [Row(**row) for row in json.loads(file.read_text())]


def _keep(file: Path | None, rows: Sequence[Row]) -> None:
    if file is not None:
        file.write_text(json.dumps([asdict(row) for row in rows], indent=2))


@dataclass(frozen=True)
class Bench:
    """What all contenders run on."""

    folder: Path
    provider: SimulatorProcess
    postgres: PostgresServer
    budget_nano: int

    def measured(self, contender: Contender, workers: int, cases: Sequence[Case]) -> Iterator[Row]:
        """A row for each case, on a fresh proxy, database and Redis. Raises: AssertionError, RedisMissing."""
        home = self.folder / f"{contender.name.replace(', ', '-').replace(' ', '-').lower()}-{workers}"
        with ExitStack() as stack:
            redis = (
                stack.enter_context(RedisServer(home.with_name(f"{home.name}-redis"))) if contender.on_redis else None
            )
            config = _config(contender, self.provider.url, self.budget_nano, redis)
            proxy = stack.enter_context(
                database_proxy(self.postgres, config, home, provider_url=self.provider.url, num_workers=workers)
            )
            yield from _measure(proxy, self.provider, contender, workers, cases, self.budget_nano)


@contextmanager
def _provider() -> Iterator[SimulatorProcess]:
    """At a provider's pace, about a second an answer: everything that comes at once is in flight at once."""
    with SimulatorProcess(SimulatorSettings(latency_scale=1)) as provider:
        yield provider


def _config(contender: Contender, provider_url: str, budget_nano: int, redis: RedisServer | None) -> dict[str, Any]:
    breaking = {"x-simulator-fault": "disconnect"}
    config: dict[str, Any] = {
        "model_list": [
            model("gpt-4.1", provider_url),
            model("breaks", provider_url, "gpt-4.1", extra_headers=breaking),
            model("unpriced", provider_url, "acme-large-1"),
            model("priced-by-us", provider_url, "acme-large-2"),
        ],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "general_settings": {"master_key": MASTER_KEY, "proxy_batch_write_at": 1},
        "litellm_settings": {},
    }
    if contender.fail_closed:
        config["general_settings"]["fail_closed_budget_enforcement"] = True
    if contender.ours:
        config["litellm_settings"]["callbacks"] = ["litellm_plugins.proxy.handler"]
        config["callback_settings"] = {"litellm_plugins": _pack(budget_nano, contender.broken_streams)}
        if redis is not None:
            config["callback_settings"]["litellm_plugins"]["storage"] = {"url": redis.url, "timeout_ms": 10_000}
    elif redis is not None:
        params = {"type": "redis", "host": "127.0.0.1", "port": redis.port, "supported_call_types": []}
        config["litellm_settings"] |= {"cache": True, "cache_params": params}
    return config


def _pack(budget_nano: int, broken_streams: str) -> dict[str, Any]:
    price = {
        "input_usd_per_million": str(Decimal(_INPUT_NANO) * 1_000_000 / _NANO),
        "output_usd_per_million": str(Decimal(_OUTPUT_NANO) * 1_000_000 / _NANO),
    }
    limit_usd = str(Decimal(budget_nano) / _NANO)
    return {
        "cache": {"enabled": False},
        "budgets": [{"name": "bench", "scope": "key", "limit_usd": limit_usd, "window": "1d"}],
        "ledger": {"prices": {"priced-by-us": price}, "broken_streams": broken_streams},
    }


def _measure(
    proxy: DatabaseProxy,
    provider: SimulatorProcess,
    contender: Contender,
    workers: int,
    cases: Sequence[Case],
    budget_nano: int,
) -> Iterator[Row]:
    asyncio.run(_ask(proxy, proxy.new_key(), PLAIN, 4 * workers, at_once=True))  # the first calls load and build things
    time.sleep(_SETTLE_S)
    limits = {} if contender.ours else {"max_budget": budget_nano / _NANO}
    for case in cases:
        yield _row(proxy, provider, contender, workers, case, proxy.new_key(**limits), budget_nano)


def _row(
    proxy: DatabaseProxy,
    provider: SimulatorProcess,
    contender: Contender,
    workers: int,
    case: Case,
    key: str,
    budget_nano: int,
) -> Row:
    provider.clear()
    refusals = asyncio.run(_ask(proxy, key, case, _AT_ONCE, at_once=True))
    let_through = provider.count("chat")
    time.sleep(_SETTLE_S)
    refusals += asyncio.run(_ask(proxy, key, case, _AFTERWARDS, at_once=False))
    time.sleep(_SETTLE_S)
    bill = _bill_nano(provider)
    return Row(
        case=case.name,
        contender=contender.name,
        workers=workers,
        let_through=let_through,
        later=provider.count("chat") - let_through,
        overshoot_percent=round(max(0, bill - budget_nano) / budget_nano * 100, 1),
        refusals=dict(refusals),
    )


async def _ask(proxy: DatabaseProxy, key: str, case: Case, count: int, *, at_once: bool) -> Counter[str]:
    """The statuses with which requests were refused, or broke."""
    refused: Counter[str] = Counter()
    limits = httpx.Limits(max_connections=count)
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(headers=headers, timeout=120, limits=limits, trust_env=False) as client:

        async def ask() -> None:
            try:
                response = await client.post(f"{proxy.url}/v1/chat/completions", json=_body(case))
            except httpx.TransportError:
                refused["broken off"] += 1
                return
            if response.status_code != httpx.codes.OK:
                refused[str(response.status_code)] += 1
            if response.is_server_error and not case.stream:  # a stream that breaks at once is one
                print(f"{proxy.url} {response.status_code}: {response.text[:300]}", file=sys.stderr)

        if at_once:
            await asyncio.gather(*(ask() for _ in range(count)))
        else:
            for _ in range(count):
                await ask()
    return refused


def _body(case: Case) -> dict[str, Any]:
    question = f"Tell me about file {next(_numbers)}."
    messages = [{"role": "user", "content": question}]
    return {"model": case.model, "messages": messages, "max_tokens": _OUTPUT_TOKENS, "stream": case.stream}


def _cost_nano(provider: SimulatorProcess) -> int:
    """What one complete request costs. Raises: RuntimeError where the answer has not the fixed length."""
    said = httpx.post(f"{provider.url}/v1/chat/completions", json=_body(PLAIN), trust_env=False, timeout=60).json()
    if said["usage"]["completion_tokens"] != _OUTPUT_TOKENS:
        raise RuntimeError(f"the provider answered with {said['usage']['completion_tokens']} tokens")
    return int(said["usage"]["prompt_tokens"]) * _INPUT_NANO + _OUTPUT_TOKENS * _OUTPUT_NANO


def _bill_nano(provider: SimulatorProcess) -> int:
    """What the provider charges for since the last `clear`, whatever the model: all have the same price here."""
    charged = provider.bill().values()
    return sum(of["prompt_tokens"] * _INPUT_NANO + of["completion_tokens"] * _OUTPUT_NANO for of in charged)


def _table(rows: Sequence[Row], budget_nano: int) -> Table:
    title = f"Room for exactly {_FIT} requests (${Decimal(budget_nano) / _NANO}): what reached the provider"
    table = Table(title=title)
    for column in ("load", "workers", "budget", f"of {_AT_ONCE} at once", f"of {_AFTERWARDS} later", "overshoot"):
        table.add_column(column, justify="left" if column in ("load", "budget") else "right")
    table.add_column("refused with")
    for row in sorted(rows, key=_order):
        refusals = ", ".join(f"{status} ({count})" for status, count in sorted(row.refusals.items()))
        overshoot = f"{row.overshoot_percent:.1f} %"
        table.add_row(
            row.case, str(row.workers), row.contender, str(row.let_through), str(row.later), overshoot, refusals
        )
    return table


def _order(row: Row) -> tuple[int, int, int]:
    cases, contenders = [case.name for case in CASES], [contender.name for contender in CONTENDERS]
    return cases.index(row.case), row.workers, contenders.index(row.contender)


if __name__ == "__main__":
    main()
