"""How long the heuristic takes, by the length of the prompt: `python benchmarks/routing.py`.

Wall and CPU time of one decision in milliseconds. On a busy machine the wall's p99 is the scheduler's, not ours.
"""

from __future__ import annotations

import time

import numpy as np

from litellm_plugins.routing.conversation import of_text
from litellm_plugins.routing.scorers import build

TEXT = "Suppose the defendant, John Smith, is not liable if x^2 + 3 = y; what follows for Ann, who owes twice that? "
LENGTHS = (100, 1_000, 2_000, 8_000, 32_000)
ROUNDS = 2_000


def main() -> None:
    scorer = build("heuristic")
    print(f"{'characters':>10}  wall p50    p99  cpu p50    p99")
    for length in LENGTHS:
        prompt = of_text((TEXT * (length // len(TEXT) + 1))[:length])
        wall, cpu = [], []
        for _ in range(ROUNDS):
            started, ran = time.perf_counter(), time.thread_time()
            scorer.score(prompt, None)
            cpu.append((time.thread_time() - ran) * 1_000)
            wall.append((time.perf_counter() - started) * 1_000)
        numbers = [*np.quantile(wall, [0.5, 0.99]), *np.quantile(cpu, [0.5, 0.99])]
        print(f"{length:>10}  {numbers[0]:8.3f} {numbers[1]:6.3f} {numbers[2]:8.3f} {numbers[3]:6.3f}")


if __name__ == "__main__":
    main()
