"""The recipes of docs/routing-blind.md, as they were written down: `python tools/blind_router.py ../shared/data/route`.

`--vectors FOLDER` keeps the embeddings (`<set>.npy`) for a second run. Prints the tables of that page. Deterministic.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import blind_counts as counts
import numpy as np
import train_router

from litellm_plugins.evaluation.routing_curve import rank, recovered
from litellm_plugins.routing.conversation import Conversation, Turn
from litellm_plugins.routing.scorers.load import weigh

Table = np.ndarray[Any, Any]
HELD, CLEAN = train_router.SHIPPED, train_router.OTHERS
EVERY = (*HELD, *CLEAN)
DRAWS, DRAWS_OF_PAIRS = 10_000, 2_000
PRIOR_ROWS, ROWS = 1_000, 4_000  # P2: what equal weights are worth, and all labels together
PAIRS, APART, SHRINK, COMPONENTS = 20_000, 0.1, 0.01, 32  # P4
OTHER_PAIRS = "routerdc_gsm8k_train"
SHOWN = (("zephyr-7b-beta", "MetaMath-"), ("dolphin-2.6-", "MetaMath-"), ("Meta-Llama-3-8B", "dolphin-2.9-"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--vectors", type=Path)
    args = parser.parse_args()
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    bench = Bench(args.data, args.vectors)
    for held in HELD:
        against_controls(bench, held)
    other_pairs(bench, args.data / f"{OTHER_PAIRS}.jsonl.gz")


class Bench:
    """The sets' rows, and what is counted in them, standardised on the prompts of the clean ones."""

    def __init__(self, data: Path, vectors: Path | None) -> None:
        self.rows = {name: read(data / f"{name}.jsonl.gz", name) for name in EVERY}
        self.texts = {name: [train_router.text(row) for row in self.rows[name]] for name in EVERY}
        self.tasks = {
            name: np.array([str(r.get("task") or r.get("domain")) for r in self.rows[name]]) for name in EVERY
        }
        self.lengths = {name: lengths(self.texts[name]) for name in EVERY}
        self.ten = {name: counts.ten(self.texts[name]) for name in EVERY}
        self.z_length, self.z_ten = self.standard(self.lengths), self.standard(self.ten)
        self.z_grades = self.standard({name: counts.grades(self.texts[name]) for name in EVERY})
        self.everything = self._with_components({name: self._vectors(name, vectors) for name in EVERY})

    def standard(self, parts: Mapping[str, Table]) -> dict[str, Table]:
        pool = np.concatenate([parts[name] for name in CLEAN])
        return {name: (part - pool.mean(0)) / pool.std(0) for name, part in parts.items()}

    def score(self, value: Mapping[str, Table]) -> dict[str, Table]:
        """z(length) + z(value)."""
        z = self.standard(value)
        return {name: self.z_length[name] + z[name] for name in z}

    def gains(self, name: str) -> Table:
        rows = [train_router.labelled(name, row) for row in self.rows[name]]
        return np.array([row.strong - row.weak for row in rows])

    def _with_components(self, vectors: Mapping[str, Table]) -> dict[str, Table]:
        pool = np.concatenate([vectors[name] for name in CLEAN]).astype(float)
        middle = pool.mean(0)
        _, _, axes = np.linalg.svd((pool - middle)[::3], full_matrices=False)
        z = self.standard({name: (part - middle) @ axes[:COMPONENTS].T for name, part in vectors.items()})
        return {name: np.column_stack([self.z_length[name], self.z_ten[name], z[name]]) for name in z}

    def _vectors(self, name: str, folder: Path | None) -> Table:
        path = folder / f"{name}.npy" if folder else None
        if path and path.exists():
            return np.load(path)
        made = train_router.embedded(self.texts[name]).astype(np.float32)
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, made)
        return made


def against_controls(bench: Bench, held: str) -> None:
    """All five recipes on a benchmark whose labels none of them has seen."""
    allowed = [name for name in EVERY if name != held]
    nonnegative, ranking = equal_or_better(bench, allowed), by_pairs(bench, allowed)
    recipes = {
        "P1": {name: bench.z_ten[name].mean(1) for name in EVERY},
        "P2": {name: bench.z_ten[name] @ nonnegative for name in EVERY},
        "P3": {name: bench.z_grades[name].mean(1) for name in EVERY},
        "P4": {name: bench.everything[name] @ ranking for name in EVERY},
    }
    scores = {recipe: bench.score(value)[held] for recipe, value in recipes.items()}
    length, gains = bench.lengths[held], bench.gains(held)
    scores["P5"] = sum(places(each) for each in (length, *scores.values()))
    controls = {"length": length, "litellm-v1": hosts(bench.texts[held])}
    rankings = [rank(np.asarray(each, float)) for each in (*scores.values(), *controls.values())]
    areas, drawn = areas_of(rankings, gains[None], DRAWS)
    names = (*scores, *controls)
    for at, name in enumerate(names):
        told = f"{held} {name}: APGR {areas[at]:.4f}"
        if name in scores:
            shift = np.std(places(length) - places(scores[name]))
            error = shift * np.sqrt(np.mean(gains**2)) / (gains.mean() * np.sqrt(len(gains)))
            told += f", told from nothing at {1.96 * error:.3f}, with 80 % power {2.8 * error:.3f}"
            told += differences(drawn, names, at, controls)
        print(told, flush=True)


def other_pairs(bench: Bench, path: Path) -> None:
    """The load, and P1, on pairs of models that the model card does not show."""
    rows = read(path, OTHER_PAIRS)
    texts, models = [row["prompt"] for row in rows], sorted(rows[0]["outcomes"])
    results = np.array([[row["outcomes"][model] for model in models] for row in rows])
    gains = np.array(
        [
            results[:, s] - results[:, w]
            for w, weak in enumerate(models)
            for s, strong in enumerate(models)
            if results[:, s].mean() - results[:, w].mean() >= 0.05
            and not any(a in weak and b in strong for a, b in SHOWN)
        ]
    )
    length = lengths(texts)
    one = {**bench.lengths, OTHER_PAIRS: length}
    bench.z_length = bench.standard(one)
    plain = bench.standard({**bench.ten, OTHER_PAIRS: counts.ten(texts)})
    scores = {
        "load": np.array([weigh(text).value for text in texts]),
        "P1": bench.score({name: z.mean(1) for name, z in plain.items()})[OTHER_PAIRS],
        "length": length,
        "litellm-v1": hosts(texts),
    }
    rankings = [rank(each) for each in scores.values()]
    areas, drawn = areas_of(rankings, gains, DRAWS_OF_PAIRS)
    above = [
        [recovered(each, gain).area() > recovered(rankings[2], gain).area() for gain in gains] for each in rankings
    ]
    for at, name in enumerate(scores):
        told = f"{OTHER_PAIRS}, {len(gains)} pairs, {name}: mean APGR {areas[at]:.4f}, above length {above[at]}"
        print(told + (differences(drawn, tuple(scores), at, ("length", "litellm-v1")) if at < 2 else ""))


def equal_or_better(bench: Bench, allowed: Sequence[str]) -> Table:
    """P2: weights not below zero, drawn to equal ones, over length."""
    parts = [(bench.tasks[name], bench.gains(name), bench.z_length[name], bench.z_ten[name]) for name in allowed]
    y, length, ten = (np.concatenate([centred(part[at], part[0]) for part in parts]) for at in (1, 2, 3))
    share = np.concatenate([np.full(len(part[0]), ROWS / len(parts) / len(part[0])) for part in parts])
    spread = np.concatenate([bench.z_ten[name].mean(1) for name in CLEAN]).std()
    equal = np.full(ten.shape[1], 1 / ten.shape[1] / spread)
    whole = length + ten @ equal
    slope = max(float((share * whole) @ y / ((share * whole) @ whole)), 0.005)
    among = (ten * share[:, None]).T @ ten + PRIOR_ROWS * np.eye(len(equal))
    wanted = (ten * share[:, None]).T @ (y - slope * length) + PRIOR_ROWS * slope * equal
    weights = slope * equal
    for _ in range(2_000):
        for at in range(len(weights)):
            left = wanted[at] - among[at] @ weights + among[at, at] * weights[at]
            weights[at] = max(0.0, left / among[at, at])
    return weights / slope


def by_pairs(bench: Bench, allowed: Sequence[str]) -> Table:
    """P4: of two questions of one task, that with more gain comes first."""
    rng = np.random.default_rng(0)
    ordered = []
    for name in allowed:
        models = sorted({model for row in bench.rows[name] for model in row["outcomes"]})
        found = [[row["outcomes"].get(model) for model in models] for row in bench.rows[name]]
        results = np.array([[np.nan if each is None else each for each in row] for row in found], float)
        means, tasks = np.nanmean(results, 0), bench.tasks[name]
        pairs = [(w, s) for w in range(len(models)) for s in range(len(models)) if means[s] - means[w] >= APART]
        groups = [np.flatnonzero(tasks == task) for task in np.unique(tasks)]
        sizes = np.array([len(group) for group in groups], float)
        made = 0
        while made < PAIRS:
            weak, strong = pairs[rng.integers(len(pairs))]
            group = groups[rng.choice(len(groups), p=sizes / sizes.sum())]
            one, other = rng.choice(group, 64), rng.choice(group, 64)
            more = (results[one, strong] - results[one, weak]) - (results[other, strong] - results[other, weak])
            kept = np.abs(more) > 1e-9
            step = (bench.everything[name][one] - bench.everything[name][other]) * np.sign(more)[:, None]
            ordered.append(step[kept])
            made += int(kept.sum())
    x = np.concatenate(ordered)
    weights = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ weights))
        gradient = x.T @ (1 - p) / len(x) - SHRINK * weights
        bent = (x * (p * (1 - p))[:, None]).T @ x / len(x) + SHRINK * np.eye(len(weights))
        weights += np.linalg.solve(bent, gradient)
    return weights


def areas_of(rankings: Sequence[Any], gains: Table, draws: int) -> tuple[Table, Table]:
    """APGR of each ranking, the mean over `gains` of shape (pairs of models, rows); and so on resampled rows."""
    rows = gains.shape[1]
    rng = np.random.default_rng(0)
    even = np.full(rows, 1 / rows)

    def mean(times: Table | None) -> list[float]:
        usable = gains if times is None else gains[gains @ times > 1e-9]
        return [float(np.mean([recovered(each, gain, times).area() for gain in usable])) for each in rankings]

    return np.array(mean(None)), np.array([mean(rng.multinomial(rows, even)) for _ in range(draws)])


def differences(drawn: Table, names: Sequence[str], at: int, controls: Sequence[str]) -> str:
    told = ""
    for control in controls:
        found = drawn[:, at] - drawn[:, names.index(control)]
        lowest, low, high, highest = np.quantile(found, [0.005, 0.025, 0.975, 0.995])
        told += f"; minus {control} {low:+.4f} to {high:+.4f} (99 %: {lowest:+.4f} to {highest:+.4f})"
    return told


def read(path: Path, name: str) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    return [row for row in found if name != "llmrouter" or row["task"] not in train_router.EXCLUDED_TASKS]


def task_of(row: Mapping[str, Any]) -> str:
    return str(row.get("task") or row.get("domain"))


def lengths(texts: Sequence[str]) -> Table:
    return np.log1p([len(text) for text in texts])


def centred(values: Table, tasks: Table) -> Table:
    out = np.array(values, float)
    for task in np.unique(tasks):
        out[tasks == task] -= out[tasks == task].mean(0)
    return out


def places(scores: Table) -> Table:
    return np.argsort(np.argsort(scores, kind="stable"), kind="stable") / len(scores)


def hosts(texts: Sequence[str]) -> Table:
    from litellm_plugins.proxy.routing.host_heuristic import HostHeuristic  # takes seconds, and sets up logging

    host = HostHeuristic()
    return np.array([host.score(Conversation((Turn("user", text),)), None).value for text in texts])


if __name__ == "__main__":
    main()
