"""CPU per request: the stock proxy, its own cached hit, and the pack on a miss and on hits. Linux only.

    make bench        or        .venv/bin/python benchmarks/overhead.py --requests 300 --rounds 3

CPU seconds of the whole proxy process (user + system), not wall time, so that other work on the machine disturbs
little. All proxies run side by side against one simulated provider, with the same keys and limits; the pack's
own metrics and log lines are on. The rounds go around between them, and ratios are taken within a round.
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
_CALL, _HIT = "stock: provider call", "stock: its own cached hit"
_HIT_STREAMED = "stock: its own cached hit, streamed"
_RATIOS = {
    "miss without embedding / stock call (at most 1.25)": ("pack: miss, no embedding", _CALL),
    "miss with embedding / stock call": ("pack: miss, embedded and searched", _CALL),
    "exact hit / stock cached hit (at most 0.6)": ("pack: exact hit", _HIT),
    "semantic hit / stock cached hit": ("pack: semantic hit", _HIT),
    "streamed exact hit / stock streamed cached hit": ("pack: exact hit, streamed", _HIT_STREAMED),
}
_BOUNDED = {name for ratio in _RATIOS if "at most" in ratio for name in _RATIOS[ratio]}
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_SETTLE_S = 1.5  # logging runs after the response: it counts too


@dataclass(frozen=True)
class Case:
    """One thing to measure: which proxy, what is asked, and what must come back for the figure to count."""

    name: str
    proxy: str
    body: Callable[[int], dict[str, Any]]
    layer: str | None = None


def main() -> None:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no proxy is left running
    console = Console(stderr=arguments.json)
    with (
        tempfile.TemporaryDirectory() as folder,
        SimulatorProcess(SimulatorSettings(latency_scale=0)) as provider,
    ):
        proxies = _start(Path(folder), provider.url, console, host_prometheus=arguments.host_prometheus)
        try:
            rounds = _measure(proxies, arguments, console)
        finally:
            for proxy in proxies.values():
                proxy.close()
    medians = {name: statistics.median(values) for name, values in rounds.items()}
    if arguments.json:
        print(json.dumps({"cpu_ms_per_request": rounds, "ratios": _spreads(rounds)}, indent=2))
    else:
        console.print(_table(medians, _spreads(rounds)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=300, help="per case and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument(
        "--host-prometheus", action="store_true", help="with the host's own prometheus callback on, too"
    )
    parser.add_argument("--bounds", action="store_true", help="only the four cases that the two bounds are about")
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


def _cases() -> list[Case]:
    def same(_: int) -> dict[str, Any]:
        return _body(_QUESTION)

    def streamed(_: int) -> dict[str, Any]:
        return {**_body(_QUESTION), "stream": True}

    def fresh(_: int) -> dict[str, Any]:
        return _body(f"What is {uuid.uuid4().hex}?")

    def alike(number: int) -> dict[str, Any]:
        return _body(_PARAPHRASES[number % len(_PARAPHRASES)])

    return [
        Case(_CALL, "stock", fresh),
        Case(_HIT, "stock cache", same),
        Case(_HIT_STREAMED, "stock cache", streamed),
        Case("pack: miss, no embedding", "pack, exact only", fresh, "miss"),
        Case("pack: miss, embedded and searched", "pack", fresh, "miss"),
        Case("pack: exact hit", "pack", same, "exact"),
        Case("pack: exact hit, streamed", "pack", streamed, "exact"),
        Case("pack: semantic hit", "pack", alike, "semantic"),
    ]


def _measure(
    proxies: dict[str, RunningProxy], arguments: argparse.Namespace, console: Console
) -> dict[str, list[float]]:
    """Milliseconds of each case, round by round."""
    cases = [case for case in _cases() if not arguments.bounds or case.name in _BOUNDED]
    figures: dict[str, list[float]] = {case.name: [] for case in cases}
    with Progress(console=console) as progress:
        task = progress.add_task("measuring", total=len(cases) * arguments.rounds)
        for _ in range(arguments.rounds):
            for case in cases:
                proxy = proxies[case.proxy]
                figures[case.name].append(asyncio.run(_one(case, proxy, arguments.requests, arguments.concurrency)))
                progress.advance(task)
    return figures


async def _one(case: Case, proxy: RunningProxy, requests: int, concurrency: int) -> float:
    """CPU milliseconds per request. Raises: RuntimeError where another layer answered than the case is about."""
    limits = httpx.Limits(max_connections=concurrency)
    headers = {"authorization": f"Bearer {MASTER_KEY}"}
    async with httpx.AsyncClient(base_url=proxy.url, headers=headers, timeout=60, limits=limits) as client:
        gate = asyncio.Semaphore(concurrency)
        others = 0

        async def ask(number: int) -> None:
            nonlocal others
            async with gate:
                response = await client.post("/v1/chat/completions", json=case.body(number))
            response.raise_for_status()
            others += case.layer is not None and response.headers.get("x-litellm-plugins-cache") != case.layer

        await ask(0)
        await asyncio.sleep(_SETTLE_S)
        await asyncio.gather(*(ask(n) for n in range(20)))
        await asyncio.sleep(_SETTLE_S)
        others, before = 0, _cpu_s(proxy)
        await asyncio.gather(*(ask(n) for n in range(requests)))
        await asyncio.sleep(_SETTLE_S)
        spent = _cpu_s(proxy) - before
    if others > requests * 0.02:
        raise RuntimeError(f"{case.name}: {others} of {requests} were answered by another layer than {case.layer}")
    return spent / requests * 1_000


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


def _spreads(rounds: dict[str, list[float]]) -> dict[str, tuple[float, float, float]]:
    """Each ratio as (median, lowest, highest) of the ratios within one round: rounds differ more than cases do."""
    spreads = {}
    for name, (above, below) in _RATIOS.items():
        if above in rounds and below in rounds:
            ratios = [a / b for a, b in zip(rounds[above], rounds[below], strict=True)]
            spreads[name] = (statistics.median(ratios), min(ratios), max(ratios))
    return spreads


def _table(medians: dict[str, float], spreads: dict[str, tuple[float, float, float]]) -> Table:
    table = Table(title="CPU per request")
    table.add_column("case")
    table.add_column("median", justify="right")
    table.add_column("lowest", justify="right")
    table.add_column("highest", justify="right")
    for name, value in medians.items():
        table.add_row(name, f"{value:.2f} ms")
    table.add_section()
    for name, spread in spreads.items():
        table.add_row(name, *(f"{value:.2f}" for value in spread))
    return table


if __name__ == "__main__":
    main()
