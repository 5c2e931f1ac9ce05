"""`litellm-plugins eval`: how good the cache's and the router's decisions are, on your own labelled questions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litellm_plugins.cli.eval_compression import compression_command
from litellm_plugins.cli.eval_output import progress, run, tell
from litellm_plugins.cli.eval_routing import paraphrases_command, routing_command

if TYPE_CHECKING:
    from litellm_plugins.embedding.embedder import Embedder

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group("eval")
def eval_group() -> None:
    """Measure decisions on labelled data, with the code that decides in the proxy."""


eval_group.add_command(routing_command)
eval_group.add_command(compression_command)
eval_group.add_command(paraphrases_command)


@eval_group.command("cache")
@click.option("--pairs", "path", type=_FILE, required=True, help="JSON lines {a, b, label}, plain or gzipped.")
@click.option("--fit", "fit_path", type=_FILE, help="Pairs to fit the verifier on first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def pairs_command(path: Path, fit_path: Path | None, as_json: bool) -> None:
    """How well the verifier tells right pairs from wrong ones, beside the plain cosine."""
    tell(run(_pairs(path, fit_path)), as_json=as_json)


@eval_group.command("stream")
@click.option("--requests", "path", type=_FILE, required=True, help="JSON lines {text, group}, plain or gzipped.")
@click.option("--max-error-rate", type=click.FloatRange(0, 0.2, min_open=True), required=True)
@click.option("--seeds", type=click.IntRange(1, 1_000), help="Shuffle by 0, 1, …, N-1; without it, the file's order.")
@click.option(
    "--warmup", type=click.IntRange(0), default=4_000, show_default=True, help="Requests before after_warmup."
)
@click.option("--label-noise", type=click.FloatRange(0, 0.5), default=0.0, help="Share of labels that are flipped.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def stream_command(
    path: Path, max_error_rate: float, seeds: int | None, warmup: int, label_noise: float, as_json: bool
) -> None:
    """How many requests of a stream are answered from the cache, and how many of them wrongly."""
    tell(run(_stream(path, max_error_rate, seeds, warmup, label_noise)), as_json=as_json)


async def _pairs(path: Path, fit_path: Path | None) -> dict[str, Any]:
    from litellm_plugins.evaluation import pairs
    from litellm_plugins.evaluation.rows import read_rows

    rows = read_rows(path, pairs.Pair.parse)
    others = read_rows(fit_path, pairs.Pair.parse) if fit_path else []
    embedder = _embedder()
    try:
        with progress("pairs", len(rows) + len(others)) as advance:
            seen = await pairs.see(rows, embedder, advance)
            labelled = await pairs.see(others, embedder, advance) if others else None
    finally:
        await embedder.aclose()
    if labelled is not None and sys.stderr.isatty():
        click.echo(f"Fitting to {len(others)} pairs: about a second for each thousand.", err=True)
    score = pairs.by_rule(seen) if labelled is None else pairs.fitted(labelled).probabilities(seen)
    return pairs.report(seen, score) | {"cosine": pairs.report(seen, pairs.by_cosine(seen))}


async def _stream(
    path: Path, max_error_rate: float, seeds: int | None, warmup: int, label_noise: float
) -> dict[str, Any]:
    import numpy as np

    from litellm_plugins.evaluation import baselines, stream
    from litellm_plugins.evaluation.rows import read_rows

    asked = read_rows(path, stream.Asked.parse)
    orders: list[int | None] = [None] if seeds is None else list(range(seeds))
    embedder = _embedder()
    runs = []
    plain: dict[str, list[dict[str, float]]] = {}
    try:
        with progress("requests", len(asked) * len(orders)) as advance:
            for seed in orders:
                order = stream.arrival(asked, seed)
                outcomes = await stream.replay(
                    order,
                    embedder=embedder,
                    max_error_rate=max_error_rate,
                    label_noise=label_noise,
                    seed=seed or 0,
                    progress=advance,
                )
                runs.append(outcomes.rates() | {"after_warmup": outcomes.rates(warmup)})
                vectors = np.array([(await embedder.embed(one.text)).vector for one in order])
                for threshold in baselines.STATIC:
                    rates = baselines.static(order, vectors, threshold).rates()
                    plain.setdefault(f"static_{threshold:.2f}", []).append(rates)
                rates = baselines.calibrated(order, vectors, max_error_rate, seed or 0).rates()
                plain.setdefault("calibrated_cosine", []).append(rates)
    finally:
        await embedder.aclose()
    return _mean(runs) | {
        "seeds": runs if seeds is not None else [],
        "baselines": {name: _mean(each) for name, each in plain.items()},
    }


def _mean(runs: list[Any]) -> dict[str, Any]:
    """Of numbers, at any depth of equal dicts."""
    return {
        name: _mean([run[name] for run in runs])
        if isinstance(value, dict)
        else round(sum(run[name] for run in runs) / len(runs), 5)
        for name, value in runs[0].items()
    }


def _embedder() -> Embedder:
    from litellm_plugins.embedding.local import LocalEmbedder
    from litellm_plugins.embedding.memo import MemoEmbedder

    return MemoEmbedder(LocalEmbedder(), max_entries=1_000_000)
