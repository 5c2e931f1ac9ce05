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
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
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
    results, missing = [], {}
    with Progress(console=console) as progress:
        for name, make in contenders().items():
            if arguments.only not in name:
                continue
            task = progress.add_task(name, total=len(asked))
            try:
                contender = make(place)
            except Missing as exc:
                missing[name] = str(exc)
                continue
            try:
                results.append(await _run(name, contender, asked, lambda task=task: progress.advance(task)))
            finally:
                await contender.aclose()
    return results, missing


async def _run(name: str, contender: Contender, asked: list[Asked], advance: Callable[[], None]) -> Result:
    took_ms, hits, wrong = [], 0, 0
    for one in asked:
        start = time.perf_counter()
        served = await contender.look_up(one.text)
        took_ms.append((time.perf_counter() - start) * 1_000)
        if served is None:
            await contender.store(one.text, one.group)
        else:
            hits += 1
            wrong += served != one.group
        advance()
    p50, p95 = np.percentile(took_ms[20:] or took_ms, [50, 95])
    return Result(name, float(p50), float(p95), hits / len(asked), wrong / len(asked), wrong / hits if hits else 0.0)


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
