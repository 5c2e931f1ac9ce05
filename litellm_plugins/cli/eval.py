"""`litellm-plugins eval`: how good the cache's decisions are, on your own labelled questions."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litellm_plugins.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from litellm_plugins.embedding.embedder import Embedder

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group("eval")
def eval_group() -> None:
    """Measure the cache's decisions on labelled data, with the code that decides in the proxy."""


@eval_group.command("cache")
@click.option("--pairs", "path", type=_FILE, required=True, help="JSON lines {a, b, label}, plain or gzipped.")
@click.option("--fit", "fit_path", type=_FILE, help="Pairs to fit the verifier on first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def pairs_command(path: Path, fit_path: Path | None, as_json: bool) -> None:
    """How well the verifier tells right pairs from wrong ones, beside the plain cosine."""
    _tell(_run(_pairs(path, fit_path)), as_json=as_json)


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
    _tell(_run(_stream(path, max_error_rate, seeds, warmup, label_noise)), as_json=as_json)


async def _pairs(path: Path, fit_path: Path | None) -> dict[str, Any]:
    from litellm_plugins.evaluation import pairs
    from litellm_plugins.evaluation.rows import read_rows

    rows = read_rows(path, pairs.Pair.parse)
    others = read_rows(fit_path, pairs.Pair.parse) if fit_path else []
    embedder = _embedder()
    try:
        with _progress("pairs", len(rows) + len(others)) as advance:
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
        with _progress("requests", len(asked) * len(orders)) as advance:
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


def _run(work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    try:
        return asyncio.run(work)
    except PluginError as exc:
        raise click.ClickException(str(exc)) from exc


def _tell(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(result))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False)
    for name, value in _flat(result):
        table.add_row(name, str(value))
    Console().print(table)


def _flat(value: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        path = f"{above}{name}"
        if isinstance(inner, dict):
            yield from _flat(inner, f"{path}.")
        elif isinstance(inner, list):
            for number, item in enumerate(inner):
                yield from _flat(item, f"{path}.{number}.")
        else:
            yield path, inner


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal; nothing elsewhere, for the result may go into a program."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield lambda: None
        return
    with Progress(console=console) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
