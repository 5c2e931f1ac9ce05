"""Our cache beside others: one stream of requests, one embedder, one machine.

    make bench-cache ARGS="--requests FILE"        or        .venv/bin/python benchmarks/cache.py --requests FILE

FILE holds JSON lines {text, group}, plain or gzipped; the group stands for the answer, so a hit with another group's
answer is an error. Every cache starts empty, sees the requests one by one and is given the answer after each miss. All
embed with the pack's own int8 all-MiniLM-L6-v2, inside the process, and keep their defaults otherwise (see
`contenders.py`). Latency is that of one look-up, embedding included.

Who cannot run here is left out, and it says why. GPTCache comes with the extra `bench`, which is in no lock:
`.venv/bin/pip install gptcache==0.1.44 faiss-cpu sqlalchemy`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))

from contenders import Contender, Missing, Place, contenders

from litellm_plugins.evaluation.rows import BadRows, read_rows
from litellm_plugins.evaluation.stream import Asked, arrival
from tests.support.redis_server import RedisServer, why_no_redis

_WARM_UP = 20  # requests whose time does not count: models and indexes are loaded
_WIDTH = 140  # the table has long names


@dataclass(frozen=True)
class Result:
    """What one cache made of the stream."""

    name: str
    p50_ms: float
    p95_ms: float
    hit_rate: float
    error_rate: float
    """Wrong hits of all requests."""
    error_per_hit: float


def main() -> None:
    arguments = _arguments()
    console = Console(stderr=arguments.json, width=_WIDTH)
    try:
        asked = arrival(read_rows(arguments.requests, Asked.parse), arguments.seed)[: arguments.count]
    except BadRows as exc:
        sys.exit(str(exc))
    console.print(f"{len(asked)} requests; load of the machine before: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder, _redis(Path(folder)) as redis_url:
        results, missing = asyncio.run(_all(asked, Place(Path(folder), redis_url, arguments.seed), arguments, console))
    console.print(f"load of the machine after: {os.getloadavg()[0]:.1f}")
    if arguments.json:
        print(json.dumps({"results": [asdict(result) for result in results], "missing": missing}, indent=2))
        return
    console.print(_table(results))
    for name, why in missing.items():
        console.print(f"left out: {name}: {why}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=Path, required=True, help="JSON lines {text, group}, plain or gzipped")
    parser.add_argument("--count", type=int, help="so many of them only")
    parser.add_argument("--seed", type=int, default=0, help="of the order of arrival")
    parser.add_argument("--only", default="", help="contenders whose name holds this")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


@contextlib.contextmanager
def _redis(folder: Path) -> Iterator[str | None]:
    """A server of our own, or None."""
    if why_no_redis():
        yield None
        return
    with RedisServer(folder / "redis") as server:
        yield server.url


async def _all(
    asked: list[Asked], place: Place, arguments: argparse.Namespace, console: Console
) -> tuple[list[Result], dict[str, str]]:
    runs, missing = [], {}
    for name, make in contenders().items():
        if arguments.only in name:
            try:
                runs.append(_Run(name, make(place)))
            except Missing as exc:
                missing[name] = str(exc)
    try:
        with Progress(console=console) as progress:
            # Each request goes to all of them in turn: whatever else disturbs the machine disturbs all.
            for one in progress.track(asked, description="replaying"):
                for run in runs:
                    await run.ask(one)
    finally:
        for run in runs:
            await run.contender.aclose()
    return [run.result() for run in runs], missing


@dataclass
class _Run:
    name: str
    contender: Contender
    took_ms: list[float] = field(default_factory=list)
    hits: int = 0
    wrong: int = 0

    async def ask(self, one: Asked) -> None:
        start = time.perf_counter()
        served = await self.contender.look_up(one.text)
        self.took_ms.append((time.perf_counter() - start) * 1_000)
        if served is None:
            await self.contender.store(one.text, one.group)
        else:
            self.hits += 1
            self.wrong += served != one.group

    def result(self) -> Result:
        total, (p50, p95) = len(self.took_ms), np.percentile(self.took_ms[_WARM_UP:] or self.took_ms, [50, 95])
        per_hit = self.wrong / self.hits if self.hits else 0.0
        return Result(self.name, float(p50), float(p95), self.hits / total, self.wrong / total, per_hit)


def _table(results: list[Result]) -> Table:
    table = Table(title="One look-up, embedding included; errors are hits with a wrong answer")
    for column in ("cache", "p50 ms", "p95 ms", "p50 to ours", "hits", "errors a request", "errors a hit", "to ours"):
        table.add_column(column, justify="left" if column == "cache" else "right")
    ours = results[0]
    for result in results:
        table.add_row(
            result.name,
            f"{result.p50_ms:.1f}",
            f"{result.p95_ms:.1f}",
            f"{result.p50_ms / ours.p50_ms:.2f}",
            f"{result.hit_rate:.1%}",
            f"{result.error_rate:.2%}",
            f"{result.error_per_hit:.2%}",
            f"{result.error_rate / ours.error_rate:.1f} x" if ours.error_rate else "",
        )
    return table


if __name__ == "__main__":
    random.seed(0)
    main()
