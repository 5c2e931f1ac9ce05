"""How often the detectors of anomalies tell what was planted, and what was not: over many synthetic weeks.

python benchmarks/anomalies.py --first 0 --seeds 20 [--history-days 21] [--quiet-only]
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from litellm_plugins.insight.anomalies import Finding
from tests.support.replayed_weeks import planted, told


def shown(each: Finding) -> str:
    usual = "-" if each.usual is None else f"{each.usual:,.3f}"
    return f"{each.kind} {each.cause} {each.subject} {each.value:,.3f} instead of {usual} ({each.requests} requests)"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--history-days", type=int, default=14)
    parser.add_argument("--quiet-only", action="store_true")
    given = parser.parse_args()
    seeds = range(given.first, given.first + given.seeds)
    false, after = Counter[int](), defaultdict[str, list[int]](list)
    beside = Counter[str]()
    for seed in seeds:
        quiet = told(seed, history_h=24 * given.history_days)
        false[len(quiet)] += 1
        for hour, each in quiet:
            print(f"seed {seed}, hour {hour}: {shown(each)}", flush=True)
        if given.quiet_only:
            continue
        for name, (kind, plant, calls, settings) in planted().items():
            watched_h = 24 * (5 if kind == "prompt_tokens" else 2)
            found = told(seed, plant, watched_h=watched_h, first_h=24, calls=calls, settings=settings)
            right = [hour for hour, each in found if each.kind == kind and hour >= 24]
            after[name] += right[:1]
            beside[name] += sum(each.kind != kind or hour < 24 for hour, each in found)
    print(f"seeds {given.first} to {given.first + given.seeds - 1}")
    print(f"false alarms in a quiet week, by how many weeks had so many: {dict(sorted(false.items()))}")
    for name, hours in after.items():
        print(
            f"{name}: found in {len(hours)} of {given.seeds}, in the median {median(hours) - 33:.0f} h after it began; "
            f"of other kinds {beside[name]}"
        )


if __name__ == "__main__":
    main()
