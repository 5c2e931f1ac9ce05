"""Thousands of requests with random ways to fail; afterwards nothing is reserved, and the ledger is the bill.

    .venv/bin/python benchmarks/budget_faults.py --requests 2000 --kills 3

Every request draws on an account of its own, so that what was booked for it stands beside what the provider charged
for it. With kills there are two workers, and now and then one of them gets SIGKILL; the host's supervisor replaces it.
What it had under way nobody settles: those leases lapse, and are charged as reserved, which is more than the bill.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from litellm_plugins.simulator.bill import charged
from litellm_plugins.simulator.recorder import Record
from tests.support import KEYS, Provider, RunningProxy
from tests.support.budget_proxy import body_of, budget, budget_config, told
from tests.support.budgets import PRICES, held_by, ledger_file, open_calls

FAULTS = ("", "", "", "", "error:500", "error:429", "disconnect", "silent_end", "truncate", "stall:3")
ENDPOINTS = ("chat", "chat", "messages", "responses", "completions")
_PATIENCE_S = 60
_LONGEST_WAIT_S = 60
_LEASE_S = 20
_BOOTED_S = 300.0  # two workers on a machine that others keep busy
_REPLACED_S = 300  # a worker takes so long to start, at most
_OF_RECORD = {each.name for each in fields(Record)} - {"body", "model", "cached"}
_NUMBER = re.compile(r"fault run (\d+)")


@dataclass(frozen=True, slots=True)
class Plan:
    """One request, and what is to go wrong with it."""

    number: int
    endpoint: str
    fault: str
    model: str
    stream: bool
    leaves_after_s: float | None  # its client, at the latest
    words: int  # that its client waits for, at most

    @property
    def way(self) -> str:
        """The way out, for the table."""
        left = "left" if self.words else "left before its first word"
        kind = left if self.leaves_after_s is not None else self.fault or "whole"
        return f"{kind}, {'streamed' if self.stream else 'not streamed'}"


def main(given: argparse.Namespace) -> int:
    """Print what was asked, what the ledger holds and what the provider charges."""
    drawn, ends = random.Random(given.seed), Counter[str]()
    with Provider(latency_scale=0.2) as provider:
        budgets = [budget("all", limit_usd=1_000, scope="global"), budget("each", limit_usd=1, scope="feature")]
        rules = {"lease_s": _LEASE_S, "left_streams": given.left, "broken_streams": given.broken}
        config = budget_config(provider.url, provider.url, budgets, **rules)
        folder, workers = Path(tempfile.mkdtemp()), 2 if given.kills else 1
        proxy = RunningProxy(config, folder, provider_url=provider.url, num_workers=workers)
        proxy.boot_timeout_s = _BOOTED_S
        with proxy:
            plans = [_plan(drawn, index) for index in range(given.requests)]
            due = {given.requests * (number + 1) // (given.kills + 1) for number in range(given.kills)}
            killers = [threading.Thread(target=_kill_one, args=(proxy, drawn)) for _ in due]
            started, waiting = time.monotonic(), iter(killers)

            def ask(plan: Plan) -> str:
                if plan.number in due:
                    next(waiting).start()
                return _ask(proxy, plan)

            with ThreadPoolExecutor(given.at_once) as pool:
                ends.update(pool.map(ask, plans))
            for killer in killers:
                killer.join()
            took = time.monotonic() - started
            print(f"{given.requests} requests in {took:.0f} s, {given.kills} kills: {dict(ends)}")
            waited = _until(lambda: not open_calls(proxy))
            _until(lambda: all(each["outcome"] != "open" for each in provider.requests()))
            time.sleep(1)
            print(f"reserved {held_by(proxy, 'all').reserved} after {waited} s")
            print(f"phantom refusals: {ends['refused']}")
            _compare(proxy, provider, plans, worst=given.worst)
            print("endings:", _endings(proxy))
            return int(held_by(proxy, "all").reserved != 0 or ends["refused"] > 0)


def _compare(proxy: RunningProxy, provider: Provider, plans: list[Plan], *, worst: int) -> None:
    """By way out: what was booked, what was charged, and for how many requests the two differ."""
    booked, bill = _booked(proxy), _bill(provider)
    rows: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    off = []
    for plan in plans:
        spent, unconfirmed = booked.get(plan.number, (0, 0))
        charge = bill.get(plan.number, 0)
        way = "under way in a killed worker" if unconfirmed else plan.way
        for name in (way, "all"):
            row = rows[name]
            row[0], row[1], row[2] = row[0] + 1, row[1] + spent, row[2] + charge
            row[3], row[4] = row[3] + (spent < charge), row[4] + (spent > charge)
        if spent != charge and not unconfirmed:
            off.append((spent - charge, plan, spent, charge))
    print("| way out | requests | booked, nano-dollars | bill | difference | booked less for | more for |")
    print("|---|---|---|---|---|---|---|")
    for name, (count, spent, charge, less, more) in sorted(rows.items(), key=lambda row: row[0] == "all"):
        share = "0" if spent == charge else f"{(spent - charge) / max(1, charge):+.2%}"
        print(f"| {name} | {count} | {spent:,} | {charge:,} | {share} | {less} | {more} |")
    for difference, plan, spent, charge in sorted(off, key=lambda each: -abs(each[0]))[:worst]:
        print(f"off by {difference}: booked {spent}, bill {charge}: {plan.way} {plan.endpoint} {plan}")


def _booked(proxy: RunningProxy) -> dict[int, tuple[int, int]]:
    query = "SELECT account, spent_usd, unconfirmed_usd FROM ledger_windows WHERE account LIKE 'each/feature=r%'"
    with closing(sqlite3.connect(f"{ledger_file(proxy).as_uri()}?mode=ro", uri=True)) as db:
        rows = db.execute(query).fetchall()
    return {int(account.removeprefix("each/feature=r")): (int(spent), int(lapsed)) for account, spent, lapsed in rows}


def _bill(provider: Provider) -> dict[int, int]:
    total: dict[int, int] = defaultdict(int)
    for request in provider.requests():
        body: dict[str, Any] = request.pop("body") or {}
        known = {name: value for name, value in request.items() if name in _OF_RECORD}
        tokens = charged(Record(**known, body=None, model=str(body.get("model"))))
        found = _NUMBER.search(str(body))
        if tokens is not None and found is not None:
            asked, answered = PRICES[str(body["model"])]
            total[int(found.group(1))] += int(asked * tokens[0] + answered * tokens[1])
    return total


def _until(done: Callable[[], bool]) -> int:
    waited = 0
    while not done() and waited < _LONGEST_WAIT_S:
        time.sleep(1)
        waited += 1
    return waited


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


def _endings(proxy: RunningProxy) -> dict[str, int]:
    name = "litellm_plugins_budget_settlements_total"
    return {ending: int(proxy.metrics().value(name, ending=ending)) for ending in ("success", "failure", "gone")}


def _plan(drawn: random.Random, number: int) -> Plan:
    endpoint, fault, stream = drawn.choice(ENDPOINTS), drawn.choice(FAULTS), drawn.random() < 0.5
    words, leaves_after_s = 0, None
    if not fault and drawn.random() < 0.3:
        if drawn.random() < 0.75:
            stream, words, leaves_after_s = True, drawn.randrange(1, 5), float(_PATIENCE_S)
        else:
            leaves_after_s = drawn.uniform(0.02, 0.3)
    model = "impatient" if fault.startswith("stall") and endpoint == "chat" else ""
    return Plan(number, endpoint, fault, model, stream, leaves_after_s, words)


def _ask(proxy: RunningProxy, plan: Plan) -> str:
    text = f"fault run {plan.number}" + (f" simulator:{plan.fault}" if plan.fault else "")
    path, body = body_of(plan.endpoint, text, f"r{plan.number}", model=plan.model, stream=plan.stream)
    headers = {"authorization": f"Bearer {KEYS.support}"}
    try:
        common: dict[str, Any] = {
            "json": body,
            "headers": headers,
            "trust_env": False,
            "timeout": plan.leaves_after_s or _PATIENCE_S,
        }
        with httpx.stream("POST", proxy.url + path, **common) as r:
            for read, _ in enumerate(r.iter_bytes(), start=1):
                if plan.words and read >= plan.words:
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
    parser.add_argument("--left", default="drain", choices=["drain", "heard", "reserved"])
    parser.add_argument("--broken", default="heard", choices=["heard", "reserved"])
    parser.add_argument("--worst", type=int, default=0, help="requests to print whose booking differs most")
    sys.exit(main(parser.parse_args()))
