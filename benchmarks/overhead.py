"""CPU per request: the stock proxy, its own cached hit, and the pack on a miss and on hits. Linux only.

    make bench        or        .venv/bin/python benchmarks/overhead.py --requests 200 --rounds 3

CPU seconds of the whole proxy process (user + system), not wall time. Each of our cases is measured together with the
stock case it is compared to: two proxies answer in short turns, against one simulated provider, with the same keys and
limits, so that whatever else disturbs the machine disturbs both, and neither disturbs the other. The pack's own
metrics and log lines are on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from litellm_plugins.simulator import SimulatorProcess, SimulatorSettings
from tests.support.config import MASTER_KEY
from tests.support.proxy import RunningProxy

_QUESTION = "How do I reset my card PIN?"
_PARAPHRASES = ("How can I reset my card PIN?", "how do i reset my card pin", "How do I reset my card's PIN?")
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_TURN = 25  # requests: a third of a second
_SETTLE_S = 1.5  # logging runs after the response: it counts too


@dataclass(frozen=True)
class Case:
    """One thing to measure: which proxy, what is asked, and what must come back for the figure to count."""

    name: str
    proxy: str
    body: Callable[[int], dict[str, Any]]
    layer: str | None = None


@dataclass(frozen=True)
class Comparison:
    """One of our cases beside the stock one; `bound` is what the ratio of the two may be at most."""

    ours: Case
    stock: Case
    bound: float | None = None


@dataclass(frozen=True)
class Measured:
    """CPU milliseconds per request, round by round."""

    ours: list[float]
    stock: list[float]

    @property
    def ratios(self) -> list[float]:
        return [ours / stock for ours, stock in zip(self.ours, self.stock, strict=True)]


def main() -> None:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no proxy is left running
    console = Console(stderr=arguments.json)
    comparisons = [one for one in _comparisons() if one.bound or not arguments.bounds]
    with (
        tempfile.TemporaryDirectory() as folder,
        SimulatorProcess(SimulatorSettings(latency_scale=0)) as provider,
    ):
        proxies = _start(Path(folder), provider.url, console, host_prometheus=arguments.host_prometheus)
        try:
            measured = _measure(comparisons, proxies, arguments, console)
        finally:
            for proxy in proxies.values():
                proxy.close()
    if arguments.json:
        print(json.dumps([_as_json(*pair) for pair in zip(comparisons, measured, strict=True)], indent=2))
    else:
        console.print(_table(comparisons, measured))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200, help="of each kind, per round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument(
        "--host-prometheus", action="store_true", help="with the host's own prometheus callback on, too"
    )
    parser.add_argument("--bounds", action="store_true", help="only the two comparisons that have a bound")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _start(folder: Path, provider_url: str, console: Console, *, host_prometheus: bool) -> dict[str, RunningProxy]:
    pack = {"cache": {"enabled": True, "max_answer_kb": 64}}
    exact = {"cache": {"enabled": True, "semantic": {"enabled": False}}}
    loggers = ["prometheus"] if host_prometheus else []
    configs = {
        "stock": _config(provider_url, loggers),
        "stock cache": _config(provider_url, loggers, cache=True),
        "pack": _config(provider_url, loggers, pack=pack),
        "pack, exact only": _config(provider_url, loggers, pack=exact),
    }
    proxies = {}
    for name, config in configs.items():
        console.print(f"starting: {name}")
        home = folder / name.replace(", ", "-").replace(" ", "-")
        home.mkdir()
        proxies[name] = RunningProxy(config, home, provider_url=provider_url)
        proxies[name].start()
    return proxies


def _config(
    provider_url: str, loggers: list[str], *, cache: bool = False, pack: dict[str, Any] | None = None
) -> dict[str, Any]:
    callbacks = [*loggers, *(["litellm_plugins.proxy.handler"] if pack else [])]
    litellm_settings: dict[str, Any] = {"callbacks": callbacks}
    if cache:
        litellm_settings |= {"cache": True, "cache_params": {"type": "local"}}
    model = {"model": "openai/gpt-4.1", "api_key": "x", "api_base": f"{provider_url}/v1"}
    config: dict[str, Any] = {
        "model_list": [{"model_name": "gpt-4.1", "litellm_params": model}],
        "general_settings": {"master_key": MASTER_KEY},
        "litellm_settings": litellm_settings,
    }
    if pack:
        config["callback_settings"] = {"litellm_plugins": pack}
    return config


def _comparisons() -> list[Comparison]:
    def same(_: int) -> dict[str, Any]:
        return _body(_QUESTION)

    def streamed(_: int) -> dict[str, Any]:
        return {**_body(_QUESTION), "stream": True}

    def fresh(_: int) -> dict[str, Any]:
        return _body(f"What is {uuid.uuid4().hex}?")

    def alike(number: int) -> dict[str, Any]:
        return _body(_PARAPHRASES[number % len(_PARAPHRASES)])

    call = Case("provider call", "stock", fresh)
    hit = Case("cached hit", "stock cache", same)
    return [
        Comparison(Case("miss, not embedded", "pack, exact only", fresh, "miss"), call, bound=1.25),
        Comparison(Case("miss, embedded and searched", "pack", fresh, "miss"), call),
        Comparison(Case("exact hit", "pack", same, "exact"), hit, bound=0.6),
        Comparison(Case("semantic hit", "pack", alike, "semantic"), hit),
        Comparison(
            Case("exact hit, streamed", "pack", streamed, "exact"),
            Case("cached hit, streamed", "stock cache", streamed),
        ),
    ]


def _measure(
    comparisons: list[Comparison], proxies: dict[str, RunningProxy], arguments: argparse.Namespace, console: Console
) -> list[Measured]:
    measured = [Measured([], []) for _ in comparisons]
    with Progress(console=console) as progress:
        task = progress.add_task("measuring", total=len(comparisons) * arguments.rounds)
        for _ in range(arguments.rounds):
            for comparison, figures in zip(comparisons, measured, strict=True):
                cases = (comparison.ours, comparison.stock)
                ours, stock = asyncio.run(_side_by_side(cases, proxies, arguments.requests, arguments.concurrency))
                figures.ours.append(ours)
                figures.stock.append(stock)
                progress.advance(task)
    return measured


async def _side_by_side(
    cases: tuple[Case, Case], proxies: dict[str, RunningProxy], requests: int, concurrency: int
) -> list[float]:
    """CPU milliseconds per request of each case.

    Raises: RuntimeError where another layer answered than the case is about.
    """
    both = [proxies[case.proxy] for case in cases]
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {MASTER_KEY}"}, timeout=60) as client:
        gate = asyncio.Semaphore(concurrency)
        others = 0

        async def ask(case: Case, proxy: RunningProxy, number: int) -> None:
            nonlocal others
            async with gate:
                response = await client.post(f"{proxy.url}/v1/chat/completions", json=case.body(number))
            response.raise_for_status()
            others += case.layer is not None and response.headers.get("x-litellm-plugins-cache") != case.layer

        async def ask_in_turns(numbers: range) -> None:
            for first in numbers[::_TURN]:
                turn = range(first, min(first + _TURN, numbers.stop))
                for case, proxy in zip(cases, both, strict=True):
                    await asyncio.gather(*(ask(case, proxy, number) for number in turn))
            await asyncio.sleep(_SETTLE_S)

        await ask_in_turns(range(1))
        await ask_in_turns(range(20))
        others, before = 0, [_cpu_s(proxy) for proxy in both]
        await ask_in_turns(range(requests))
        spent = [_cpu_s(proxy) - earlier for proxy, earlier in zip(both, before, strict=True)]
    if others > requests * 0.02:
        raise RuntimeError(f"{cases[0].name}: {others} of {requests} were answered by another layer")
    return [seconds / requests * 1_000 for seconds in spent]


def _cpu_s(proxy: RunningProxy) -> float:
    """User and system seconds of the proxy's process group so far."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:  # it ended while we looked
            continue
        if int(fields[2]) == proxy.process_group:
            total += (int(fields[11]) + int(fields[12])) * _TICK_S
    return total


def _body(text: str) -> dict[str, Any]:
    return {"model": "gpt-4.1", "messages": [{"role": "user", "content": text}]}


def _table(comparisons: list[Comparison], measured: list[Measured]) -> Table:
    table = Table(title="CPU per request: medians of the rounds; ratios are taken within a round")
    for column in ("the pack", "ms", "the stock proxy", "ms", "ratio", "lowest", "highest", "bound"):
        table.add_column(column, justify="left" if column.startswith("the") else "right")
    for comparison, figures in zip(comparisons, measured, strict=True):
        ratios = figures.ratios
        table.add_row(
            comparison.ours.name,
            f"{statistics.median(figures.ours):.2f}",
            comparison.stock.name,
            f"{statistics.median(figures.stock):.2f}",
            f"{statistics.median(ratios):.2f}",
            f"{min(ratios):.2f}",
            f"{max(ratios):.2f}",
            f"{comparison.bound:.2f}" if comparison.bound else "",
        )
    return table


def _as_json(comparison: Comparison, figures: Measured) -> dict[str, Any]:
    return {
        "pack": comparison.ours.name,
        "stock": comparison.stock.name,
        "pack_cpu_ms": figures.ours,
        "stock_cpu_ms": figures.stock,
        "ratio": statistics.median(figures.ratios),
        "bound": comparison.bound,
    }


if __name__ == "__main__":
    main()
