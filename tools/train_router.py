"""Fit the routing scorer that ships: `python tools/train_router.py ../shared/data/route`.

Fitted on RouteLLM's outcomes of MMLU and GSM8K (Apache-2.0): the only sets here whose rows help on unseen ones of the
same kind. The table that it prints says what each regime gives; no row is scored by a fit that saw it. `--sets` fits
on others, `--out` writes elsewhere, `--dry` only prints. Deterministic.
"""

from __future__ import annotations

import argparse
import gzip
import json
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from litellm_plugins.embedding.local import BUNDLED
from litellm_plugins.embedding.onnx_model import OnnxModel
from litellm_plugins.evaluation.routing_curve import interval, rank, recovered, resampled_areas
from litellm_plugins.routing.outcomes import Labelled
from litellm_plugins.routing.scorers.load import weigh
from litellm_plugins.routing.scorers.trained import ARTEFACT, TrainedScorer, write
from litellm_plugins.routing.training import fit, quantiles

WEAK, STRONG = "mixtral-8x7b-instruct-v0.1", "gpt-4-1106-preview"
# Models about as strong as those two, where a set did not try them; their scores are averaged.
ROLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "routellm_mmlu": ((WEAK,), (STRONG,)),
    "routellm_gsm8k": ((WEAK,), (STRONG,)),
    "routerbench_arc_mbpp_winogrande": (("mistralai/mixtral-8x7b-chat",), (STRONG,)),
    "mmlupro_12models": (
        ("Mixtral-8x7B-Instruct-v0.1", "Meta-Llama-3_1-8B-Instruct", "Phi-3-mini-4k-instruct"),
        ("gemini-1.5-pro-002", "DeepSeek-Coder-V2"),
    ),
    "llmrouter": (
        ("mistral-7b-instruct-v0.3", "gemma-2-9b-it", "llama-3.1-8b-instruct"),
        ("llama-3.1-nemotron-51b-instruct", "llama-3.3-nemotron-super-49b-v1"),
    ),
}
SHIPPED = ("routellm_mmlu", "routellm_gsm8k")
OTHERS = ("routerbench_arc_mbpp_winogrande", "mmlupro_12models", "llmrouter")
PULL = 100.0  # two benchmarks at once: a weaker pull helps MMLU and hurts GSM8K
LICENCES = {
    "routellm_mmlu": "Apache-2.0, lm-sys/RouteLLM@0b64fda",
    "routellm_gsm8k": "Apache-2.0, lm-sys/RouteLLM@0b64fda",
    "routerbench_arc_mbpp_winogrande": "MIT, RouterBench, by way of shuhao02/RouterDC@0e63989",
    "mmlupro_12models": "Apache-2.0, TIGER-AI-Lab/MMLU-Pro@f418b11",
    "llmrouter": "MIT, ulab-uiuc/LLMRouter@4e7a796",
}
EXCLUDED_TASKS = frozenset({"mmlu", "gsm8k"})
EVERYDAY = 2_000
SPLITS = 5  # draws of 1,500 labelled rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", choices=ROLES, default=SHIPPED)
    parser.add_argument("--landmarks", type=int, default=768)
    parser.add_argument("--out", type=Path, default=ARTEFACT)
    parser.add_argument("--vectors", type=Path, help="Folder of <set>.raw.npy from an earlier run, to save the time.")
    parser.add_argument("--dry", action="store_true")
    args = parser.parse_args()
    names = dict.fromkeys((*args.sets, *SHIPPED, *OTHERS))
    tables = {name: Table(name, args.data, args.vectors) for name in names}
    about = {"sets": {name: {"rows": len(tables[name].rows), "licence": LICENCES[name]} for name in args.sets}}
    if not args.dry:
        rows, vectors = together(tables, args.sets)
        scorer = fit(rows, list(vectors), landmarks=args.landmarks, pull=PULL, about=about)
        write(with_everyday(scorer, args.data.parent / "cache" / "banking77.jsonl.gz"), args.out)
    for name in SHIPPED:
        other = [each for each in (*SHIPPED, *OTHERS) if each != name]
        rows, vectors = together(tables, other)
        scorer = fit(rows, list(vectors), landmarks=args.landmarks, pull=PULL)
        tell(f"{name}, fitted on the other sets alone", tables[name], scorer)
        report(
            f"{name}, the load alone", tables[name].rows, np.array([weigh(r.prompt).value for r in tables[name].rows])
        )
    folded(tables, args.landmarks)
    in_domain(tables)


def together(tables: dict[str, Table], names: Sequence[str]) -> tuple[list[Labelled], Any]:
    return [row for name in names for row in tables[name].rows], np.concatenate(
        [tables[name].vectors for name in names]
    )


def with_everyday(scorer: TrainedScorer, path: Path) -> TrainedScorer:
    """Its scores spread as over traffic that is half examination, half what customers ask; for `thresholds`."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    texts = [texts[at] for at in np.random.default_rng(0).permutation(len(texts))[:EVERYDAY]]
    easy = quantiles(scorer.probabilities(scorer.gains(texts, embedded(texts))))
    both = quantiles(np.array([*easy, *scorer.about["score_quantiles"]]))
    about = {
        **scorer.about,
        "score_quantiles": both,
        "everyday": f"BANKING77 (PolyAI, CC BY 4.0), {EVERYDAY} questions",
    }
    return replace(scorer, about=about)


def folded(tables: dict[str, Table], landmarks: int) -> None:
    """The shipped recipe on rows of its own benchmarks that it did not see: what unseen ones may expect."""
    rows, vectors = together(tables, SHIPPED)
    fold = np.array([zlib.crc32(row.prompt.encode()) % 5 for row in rows])
    scores = np.empty(len(rows))
    for part in range(5):
        known, rest = np.flatnonzero(fold != part), np.flatnonzero(fold == part)
        scorer = fit([rows[at] for at in known], list(vectors[known]), landmarks=landmarks, pull=PULL)
        scores[rest] = scorer.gains([rows[at].prompt for at in rest], vectors[rest])
    start = 0
    for name in SHIPPED:
        end = start + len(tables[name].rows)
        report(f"{name}, the shipped recipe in five folds", rows[start:end], scores[start:end])
        start = end


class Table:
    """One set's rows and their embeddings."""

    def __init__(self, name: str, data: Path, cache: Path | None) -> None:
        with gzip.open(data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            found = [json.loads(line) for line in lines]
        vectors = np.load(cache / f"{name}.raw.npy") if cache else embedded([text(row) for row in found])
        kept = [at for at, row in enumerate(found) if name != "llmrouter" or row["task"] not in EXCLUDED_TASKS]
        self.vectors = vectors[kept].astype(np.float64)
        self.rows = [labelled(name, found[at]) for at in kept]


def text(row: dict[str, Any]) -> str:
    """Without the worked examples that some sets put before the question."""
    return str(row.get("question") or row["prompt"])


def labelled(name: str, row: dict[str, Any]) -> Labelled:
    weak, strong = (
        float(np.mean([row["outcomes"][model] for model in models if row["outcomes"].get(model) is not None] or [0.0]))
        for models in ROLES[name]
    )
    return Labelled(text(row), weak, strong, str(row.get("task") or row.get("domain")))


def embedded(texts: Sequence[str]) -> np.ndarray[Any, Any]:
    model = OnnxModel(BUNDLED, 1)
    return np.stack([model.embed(one, 256).vector for one in texts])


def tell(what: str, table: Table, scorer: TrainedScorer) -> None:
    texts = [row.prompt for row in table.rows]
    report(what, table.rows, scorer.gains(texts, table.vectors), scorer)


def report(what: str, rows: Sequence[Labelled], scores: Any, scorer: TrainedScorer | None = None) -> None:
    gains = np.array([row.strong - row.weak for row in rows])
    controls = {
        "length": np.array([float(len(row.prompt)) for row in rows]),
        "load": np.array([weigh(row.prompt).value for row in rows]),
    }
    rankings = [rank(scores), *(rank(each) for each in controls.values())]
    curve = recovered(rankings[0], gains)
    assert curve is not None
    areas = resampled_areas(rankings, gains, samples=500, seed=0)
    against = ", ".join(
        f"minus {name} {low:+.3f} to {high:+.3f}"
        for at, name in enumerate(controls, 1)
        for low, high in [interval(areas[:, 0] - areas[:, at]) or (0.0, 0.0)]
    )
    calibrated = "" if scorer is None else f", calibration error {error(scorer, scores, gains):.3f}"
    print(
        f"{what}: n {len(rows)}, APGR {curve.area():.3f}, CPT50 {curve.first_share(0.5):.3f}, "
        f"CPT80 {curve.first_share(0.8):.3f}, {against}{calibrated}",
        flush=True,
    )


def error(scorer: TrainedScorer, scores: Any, gains: Any) -> float:
    """Mean distance, over tenths of equal size, of the probability told from the share that came true."""
    told = 1 / (1 + np.exp(-(scorer.calibration[0] + scorer.calibration[1] * scores)))
    parts = np.array_split(np.argsort(told), 10)
    return float(np.mean([abs(told[part].mean() - np.maximum(gains[part], 0).mean()) for part in parts]))


def in_domain(tables: dict[str, Table]) -> None:
    """With labels of the same benchmark: 1,500 of MMLU and the rest scored, and five folds of GSM8K."""
    mmlu, gsm = tables["routellm_mmlu"], tables["routellm_gsm8k"]
    for seed in range(SPLITS):
        order = np.random.default_rng(seed).permutation(len(mmlu.rows))
        known, rest = order[:1_500], order[1_500:]
        scorer = fit([mmlu.rows[at] for at in known], list(mmlu.vectors[known]))
        others = [mmlu.rows[at] for at in rest]
        scores = scorer.gains([row.prompt for row in others], mmlu.vectors[rest])
        report(f"routellm_mmlu, 1,500 labels, draw {seed}", others, scores, scorer)
    fold = np.array([zlib.crc32(row.prompt.encode()) % 5 for row in gsm.rows])
    scores = np.empty(len(gsm.rows))
    for part in range(5):
        known, rest = np.flatnonzero(fold != part), np.flatnonzero(fold == part)
        scorer = fit([gsm.rows[at] for at in known], list(gsm.vectors[known]))
        scores[rest] = scorer.gains([gsm.rows[at].prompt for at in rest], gsm.vectors[rest])
    report("routellm_gsm8k, five folds", gsm.rows, scores)


if __name__ == "__main__":
    main()
