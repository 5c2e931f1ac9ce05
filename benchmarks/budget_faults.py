"""Thousands of requests with random ways to fail; afterwards nothing is reserved, and the ledger is the bill.

    .venv/bin/python benchmarks/budget_faults.py --requests 2000 --kills 3

With kills there are two workers, and now and then one of them gets SIGKILL; the host's supervisor replaces it. What it
had under way nobody settles: those leases lapse, and are charged as reserved, which is more than the bill.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support import KEYS, Provider, RunningProxy
from tests.support.budget_proxy import body_of, budget, budget_config, told
from tests.support.budgets import billed, held_by, ledger_file, open_calls

FAULTS = ("", "", "", "", "error:500", "error:429", "disconnect", "silent_end", "truncate", "stall:3")
_PATIENCE_S = 60
_LONGEST_WAIT_S = 40
_REPLACED_S = 100  # a worker takes so long to start, at most


def main(requests: int, seed: int, at_once: int, kills: int) -> int:
    """Print what was asked, what the ledger holds and what the provider charges."""
    drawn, ends = random.Random(seed), Counter[str]()
    with Provider(latency_scale=0.2) as provider:
        config = budget_config(provider.url, provider.url, [budget("all", limit_usd=1_000)], lease_s=20)
        folder, workers = Path(tempfile.mkdtemp()), 2 if kills else 1
        with RunningProxy(config, folder, provider_url=provider.url, num_workers=workers) as proxy:
            plans = [_plan(drawn, index) for index in range(requests)]
            due = {requests * (number + 1) // (kills + 1) for number in range(kills)}
            killers = [threading.Thread(target=_kill_one, args=(proxy, drawn)) for _ in due]
            started, waiting = time.monotonic(), iter(killers)

            def ask(numbered: tuple[int, tuple[str, str, str, bool, bool]]) -> str:
                if numbered[0] in due:
                    next(waiting).start()
                return _ask(proxy, *numbered[1])

            with ThreadPoolExecutor(at_once) as pool:
                ends.update(pool.map(ask, enumerate(plans)))
            for killer in killers:
                killer.join()
            print(f"{requests} requests in {time.monotonic() - started:.0f} s, {kills} kills: {dict(ends)}")
            waited = 0
            while open_calls(proxy) and waited < _LONGEST_WAIT_S:
                time.sleep(1)
                waited += 1
            held, bill = held_by(proxy, "all"), billed(provider)
            print(f"reserved {held.reserved} after {waited} s; ledger {held.spent}, bill {bill} nano-dollars")
            print(f"difference {held.spent - bill} ({(held.spent - bill) / max(1, bill):+.4%})")
            print(f"of the ledger {_unconfirmed(proxy)} are leases that lapsed, as reserved")
            print(f"phantom refusals: {ends['refused']}")
            print("endings:", _endings(proxy))
            return int(held.reserved != 0 or ends["refused"] > 0)


def _kill_one(proxy: RunningProxy, drawn: random.Random) -> None:
    """One of the two workers, if both are there."""
    until = time.monotonic() + _REPLACED_S
    while len(found := _workers(proxy)) < 2 and time.monotonic() < until:
        time.sleep(0.2)
    os.kill(drawn.choice(found), signal.SIGKILL)


def _workers(proxy: RunningProxy) -> list[int]:
    """Processes that the proxy's supervisor has started, and that listen by now."""
    children = Path(f"/proc/{proxy.process_group}/task/{proxy.process_group}/children").read_text().split()
    return [int(child) for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]


def _unconfirmed(proxy: RunningProxy) -> int:
    with closing(sqlite3.connect(f"{ledger_file(proxy).as_uri()}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT total(unconfirmed_usd) FROM ledger_windows").fetchone()[0])


def _endings(proxy: RunningProxy) -> dict[str, int]:
    name = "litellm_plugins_budget_settlements_total"
    return {ending: int(proxy.metrics().value(name, ending=ending)) for ending in ("success", "failure", "gone")}


def _plan(drawn: random.Random, index: int) -> tuple[str, str, str, bool, bool]:
    endpoint = drawn.choice(["chat", "chat", "messages", "responses"])
    fault = drawn.choice(FAULTS)
    model = "impatient" if fault.startswith("stall") and endpoint == "chat" else ""
    leaves = not fault and drawn.random() < 0.2
    text = f"fault run {index}" + (f" simulator:{fault}" if fault else "")
    return endpoint, text, model, drawn.random() < 0.5, leaves


def _ask(proxy: RunningProxy, endpoint: str, text: str, model: str, stream: bool, leaves: bool) -> str:
    path, body = body_of(endpoint, text, "all", model=model, stream=stream)
    headers = {"authorization": f"Bearer {KEYS.support}"}
    try:
        common = {"json": body, "headers": headers, "trust_env": False, "timeout": _PATIENCE_S}
        with httpx.stream("POST", proxy.url + path, **common) as r:
            for read, _ in enumerate(r.iter_bytes()):
                if leaves and read >= 1:
                    return "left"
            return "refused" if told(r, "state") == "denied" else str(r.status_code)
    except httpx.HTTPError as exc:
        return type(exc).__name__


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--kills", type=int, default=0)
    given = parser.parse_args()
    sys.exit(main(given.requests, given.seed, given.at_once, given.kills))
