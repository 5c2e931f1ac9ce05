"""A few hundred requests with random ways to fail; afterwards nothing is reserved, and the ledger is the bill."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support import KEYS, Provider, RunningProxy
from tests.support.budget_proxy import body_of, budget, budget_config
from tests.support.budgets import billed, held_by, open_calls

FAULTS = ("", "", "", "", "error:500", "error:429", "disconnect", "silent_end", "truncate", "stall:3")
_PATIENCE_S = 60
_LONGEST_WAIT_S = 40


def main(requests: int, seed: int, at_once: int) -> int:
    """Print what was asked, what the ledger holds and what the provider charges."""
    drawn, ends = random.Random(seed), Counter[str]()
    with Provider(latency_scale=0.2) as provider:
        config = budget_config(provider.url, provider.url, [budget("all", limit_usd=1_000)], lease_s=20)
        with RunningProxy(config, Path(tempfile.mkdtemp()), provider_url=provider.url) as proxy:
            plans = [_plan(drawn, index) for index in range(requests)]
            started = time.monotonic()
            with ThreadPoolExecutor(at_once) as pool:
                ends.update(pool.map(lambda plan: _ask(proxy, *plan), plans))
            print(f"{requests} requests in {time.monotonic() - started:.0f} s: {dict(ends)}")
            waited = 0
            while open_calls(proxy) and waited < _LONGEST_WAIT_S:
                time.sleep(1)
                waited += 1
            held, bill = held_by(proxy, "all"), billed(provider)
            print(f"reserved {held.reserved} after {waited} s; ledger {held.spent}, bill {bill} nano-dollars")
            print(f"difference {held.spent - bill} ({(held.spent - bill) / max(1, bill):+.4%})")
            print("endings:", _endings(proxy))
            return int(held.reserved != 0)


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
            return str(r.status_code)
    except httpx.HTTPError as exc:
        return type(exc).__name__


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--at-once", type=int, default=16)
    given = parser.parse_args()
    sys.exit(main(given.requests, given.seed, given.at_once))
