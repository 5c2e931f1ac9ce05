"""A recorded day of mixed traffic through a real proxy: do all sinks say the same of it?

    make bench-day      or      .venv/bin/python benchmarks/recorded_day.py --requests 2000 --workers 1 --workers 4

The real OpenAI and Anthropic SDKs ask five endpoints, streamed and not: exact hits, hits by meaning, identical requests
at once, misses, bypasses, errors, retries, fallbacks, timeouts, streams that break or are left, clients that leave
before an answer, requests that a budget degrades or refuses, and unfit ones; routed requests, in two arms of a trial
and in cascades that pass, escalate, or escalate in vain; of three teams and keys of none. Then the
sums by every sink stand side by side: response headers, the JSON log, Prometheus, the cost monitor, the traces that a
recorder took in for Langfuse, the ledger, and the provider's bill. Exits with 1 where two of them disagree.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.day_cells import Row
from tests.support.day_plans import Plan, day
from tests.support.day_proxy import Day
from tests.support.day_sums import SINKS, compared, of_each_call, of_each_question

_REST_S = 60.0  # in which the last are settled, flushed and sent
_WIDTH = 150  # where no terminal says how wide it is


def main() -> int:
    """0 where they agree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2_000, help="of each run (default: %(default)s)")
    parser.add_argument("--workers", type=int, action="append", help="may be given again (default: 1, then 4)")
    parser.add_argument("--at-once", type=int, default=16, help="clients (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="of the traffic (default: %(default)s)")
    parser.add_argument("--callback", default="langfuse_otel", choices=["langfuse_otel", "langfuse"])
    parser.add_argument("--json", action="store_true", help="print the sums as JSON")
    given = parser.parse_args()
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # the provider's, of connections that it is to break
    screen = Console(stderr=True)
    screen = screen if screen.is_terminal else Console(stderr=True, width=_WIDTH)
    runs = {workers: _run(given, workers, screen) for workers in given.workers or (1, 4)}
    if given.json:
        print(json.dumps({str(workers): [_as_json(row) for row in rows] for workers, rows in runs.items()}, indent=2))
    else:
        out = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
        for workers, rows in runs.items():
            out.print(_table(rows, f"{given.requests} requests, {workers} worker{'s'[: workers > 1]}"))
    return 0 if all(row.agrees for rows in runs.values() for row in rows) else 1


def _run(given: argparse.Namespace, workers: int, screen: Console) -> list[Row]:
    plans = day(given.requests, given.seed)
    with tempfile.TemporaryDirectory() as folder:
        screen.print(f"starting a proxy of {workers} worker{'s'[: workers > 1]} with every sink on …", highlight=False)
        with Day(Path(folder), workers=workers, callback=given.callback) as recorded:
            began = time.monotonic()
            _ask(recorded, plans, given.at_once, screen)
            screen.print(f"asked in {time.monotonic() - began:.0f} s; the last are being settled …", highlight=False)
            rows = compared(recorded, timeout_s=_REST_S)
            if not all(row.agrees for row in rows):
                for apart in [*of_each_call(recorded), *of_each_question(recorded)][:20]:
                    screen.print(apart, highlight=False)
            return rows


def _ask(recorded: Day, plans: list[Plan], at_once: int, screen: Console) -> None:
    columns = (TextColumn("asking"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen) as bar:
        task = bar.add_task("", total=sum(plan.times for plan in plans))
        recorded.run(plans, at_once=at_once, tell=lambda more: bar.advance(task, more))


def _table(rows: list[Row], title: str) -> Table:
    table = Table(title=title, caption="found/wanted: of those requests that the sink can know of")
    table.add_column("")
    for sink in SINKS:
        table.add_column(sink, justify="right", no_wrap=True)
    table.add_column("")
    for row in rows:
        verdict = "[green]agree[/]" if row.agrees else "[red]DISAGREE[/]"
        table.add_row(row.name, *(_shown(row, sink) for sink in SINKS), verdict)
    return table


def _shown(row: Row, sink: str) -> str:
    cell = row.cells.get(sink)
    if cell is None:
        return ""
    logged = row.cells["log"].found if "log" in row.cells else cell.wanted
    text = _number(cell.found, row.unit)
    if cell.wanted != logged or cell.found != cell.wanted:
        text += f"/{_number(cell.wanted, row.unit)}"
    return text if cell.agrees else f"[red]{text}[/]"


def _number(value: int, unit: str) -> str:
    return f"${value / 1e9:.6f}" if unit == "nano-dollars" else f"{value:,}"


def _as_json(row: Row) -> dict[str, object]:
    return {**asdict(row), "agrees": row.agrees}


if __name__ == "__main__":
    sys.exit(main())
