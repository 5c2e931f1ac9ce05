"""`litellm-plugins eval routing`: which prompts a scorer sends to the strong model, against what both models did."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litellm_plugins.cli.eval_output import progress, run, tell

if TYPE_CHECKING:
    from rich.console import Console

    from litellm_plugins.embedding.embedder import Embedder, Vector
    from litellm_plugins.evaluation.routing import Embed, Scored
    from litellm_plugins.evaluation.routing_rows import Judged
    from litellm_plugins.routing.outcomes import Labelled, OutcomeRow
    from litellm_plugins.routing.scoring import Scorer

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_CONTROLS = ("random", "length", "always-weak", "always-strong", "litellm-v1")
_SCORER = click.Choice(["heuristic", "trained", "cascade", *_CONTROLS])


@click.command("routing")
@click.option("--outcomes", "path", type=_FILE, required=True, help="JSON lines {id, prompt, outcomes, cost?, task?}.")
@click.option("--weak", required=True, help="The cheap model, as the file names it.")
@click.option("--strong", required=True, help="The dear model.")
@click.option("--scorer", type=_SCORER, default="heuristic", show_default=True)
@click.option("--train", type=_FILE, multiple=True, help="Outcomes to fit `trained` on; never a row that is scored.")
@click.option(
    "--folds", type=click.IntRange(2, 20), help="Fit on the other folds of --outcomes too, and score the rest."
)
@click.option("--price-weak", type=click.FloatRange(0), help="US dollars a request, where the rows have no cost.")
@click.option("--price-strong", type=click.FloatRange(0), help="The same of the dear model.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the resampling for the intervals.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def routing_command(  # noqa: PLR0913, PLR0917 - an argument per option, as click hands them over
    path: Path,
    weak: str,
    strong: str,
    scorer: str,
    train: tuple[Path, ...],
    folds: int | None,
    price_weak: float | None,
    price_strong: float | None,
    seed: int,
    as_json: bool,
) -> None:
    """How much of the gap between two models a scorer recovers, and at what share of strong calls."""
    if (train or folds) and scorer != "trained":
        raise click.UsageError("--train and --folds are for --scorer trained")
    if (price_weak is None) != (price_strong is None):
        raise click.UsageError("--price-weak and --price-strong belong together")
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # LiteLLM's score needs no prices from the network
    prices = None if price_weak is None or price_strong is None else (price_weak, price_strong)
    tell(run(_routing(path, (weak, strong), scorer, train, folds, prices, seed)), as_json=as_json, draw=_draw)


def _draw(told: dict[str, Any], out: Console) -> None:
    from litellm_plugins.cli import eval_routing_table

    eval_routing_table.draw(told, out)


@click.command("paraphrases")
@click.option("--pairs", "paths", type=_FILE, required=True, multiple=True, help="JSON lines {a, b, label?, score?}.")
@click.option("--scorer", type=click.Choice(["heuristic", "trained", "length", "litellm-v1"]), default="heuristic")
@click.option("--limit", type=click.IntRange(1), help="At most so many pairs of each file, evenly chosen.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def paraphrases_command(paths: tuple[Path, ...], scorer: str, limit: int | None, as_json: bool) -> None:
    """On how many pairs of paraphrases both get the same tier, where half of the texts go to the strong one."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    tell(run(_paraphrases(paths, scorer, limit)), as_json=as_json)


async def _routing(
    path: Path,
    models: tuple[str, str],
    name: str,
    train: tuple[Path, ...],
    folds: int | None,
    prices: tuple[float, float] | None,
    seed: int,
) -> dict[str, Any]:
    from litellm_plugins.evaluation import routing, routing_cascade, routing_controls, routing_rows
    from litellm_plugins.evaluation.rows import read_rows
    from litellm_plugins.routing.outcomes import parse

    rows = read_rows(path, parse)
    others = [row for each in train for row in read_rows(each, parse)]
    judged = routing_rows.priced(routing_rows.select(rows, *models), prices)
    controls = [*routing_controls.RANKED, _host_heuristic()]
    async with AsyncExitStack() as stack:
        embed = await _embedding(stack)
        with progress("decisions", len(judged.prompts) * (len(controls) + 1)) as advance:
            scored = [await routing.judge(control, judged.prompts, progress=advance) for control in controls]
            if name == routing_cascade.NAME:
                # The controls stay routers, which pay for one call: only the cascade's own curve pays for two.
                mine = routing_cascade.judge(judged)
                table = routing.report(judged, mine, scored, seed=seed)
                return table | routing.curve_of(routing_cascade.both_paid(judged), mine)
            if name in routing_controls.FIXED:
                return routing.report_fixed(judged, name, scored)
            known = {one.name: one for one in scored}
            if name in known:
                return routing.report(judged, known[name], scored, seed=seed)
            if not train and folds is None:
                scorer, regime = _unseen(_built(name), judged.prompts)
                mine = await routing.judge(scorer, judged.prompts, embed, advance, repeats=3)
                return routing.report(judged, mine, scored, seed=seed) | regime
            mine, trained_on = await _fitted(judged, rows, others, models, folds, embed, advance)
            return routing.report(judged, mine, scored, seed=seed) | {"trained_on": trained_on}


def _unseen(scorer: Scorer, prompts: Sequence[str]) -> tuple[Scorer, dict[str, Any]]:
    """The scorer; without what it learnt, where it was fitted on rows that are to be scored."""
    from litellm_plugins.routing.scorers.trained import TrainedScorer

    if not isinstance(scorer, TrainedScorer):
        return scorer, {}
    seen = sum(map(scorer.has_seen, prompts))
    used = scorer.by_load() if seen else scorer
    return used, {"rows_in_artefact": seen, "scored_by": "load_alone" if seen else "artefact"}


async def _fitted(
    judged: Judged,
    rows: list[OutcomeRow],
    others: list[OutcomeRow],
    models: tuple[str, str],
    folds: int | None,
    embed: Embed,
    advance: Callable[[], None],
) -> tuple[Scored, dict[str, Any]]:
    """The judgement of a scorer, or of one per fold, that was fitted without the rows it judges."""
    from litellm_plugins.evaluation import routing, routing_rows

    parts = []
    told: list[dict[str, int]] = []
    for indices in routing_rows.folded(judged.prompts, folds or 1):
        prompts = [judged.prompts[index] for index in indices]
        pool = [*others, *rows] if folds else others
        labelled, dropped = routing_rows.for_training(pool, *models, prompts)
        scorer = await _fit(labelled, embed)
        parts.append((indices, await routing.judge(scorer, prompts, embed, advance, repeats=3)))
        told.append({"rows": len(labelled), "dropped_as_scored": dropped})
    return routing.joined(parts), {"fits": told}


async def _fit(labelled: list[Labelled], embed: Embed) -> Scorer:
    if not labelled:
        raise click.ClickException("nothing to fit on: no row has both models, or each of them is to be scored")
    try:
        fit = importlib.import_module("litellm_plugins.routing.training").fit
    except ModuleNotFoundError as exc:
        raise click.ClickException("this version ships no scorer that can be fitted") from exc
    scorer: Scorer = fit(labelled, [await embed(row.prompt) for row in labelled])
    return scorer


async def _paraphrases(paths: tuple[Path, ...], name: str, limit: int | None) -> dict[str, Any]:
    import numpy as np

    from litellm_plugins.evaluation import routing, routing_stability
    from litellm_plugins.evaluation.rows import BadRows, read_rows

    scorer = _built(name)
    files: dict[str, Any] = {}
    firsts, seconds = [], []
    async with AsyncExitStack() as stack:
        embed = await _embedding(stack)
        for path in paths:
            pairs = routing_stability.paraphrases(read_rows(path, routing_stability.Paraphrase.parse))
            if not pairs:
                raise BadRows(f"{path}: no paraphrases")
            if limit and len(pairs) > limit:
                pairs = [pairs[at * len(pairs) // limit] for at in range(limit)]
            firsts.append((await routing.judge(scorer, [pair.a for pair in pairs], embed)).values)
            seconds.append((await routing.judge(scorer, [pair.b for pair in pairs], embed)).values)
            files[path.name] = routing_stability.stability(firsts[-1], seconds[-1])
    together = routing_stability.stability(np.concatenate(firsts), np.concatenate(seconds))
    return {"scorer": scorer.name} | together | {"files": files}


async def _embedding(stack: AsyncExitStack) -> Embed:
    """The cache's own embedder, loaded when a scorer asks for the first vector. Not remembered: it is timed."""
    from litellm_plugins.embedding.local import LocalEmbedder

    embedder: Embedder = LocalEmbedder()
    stack.push_async_callback(embedder.aclose)

    async def embed(text: str) -> Vector:
        return (await embedder.embed(text)).vector

    return embed


def _built(name: str) -> Scorer:
    from litellm_plugins.evaluation import routing_controls
    from litellm_plugins.routing import scorers

    if name == routing_controls.HOST:
        return _host_heuristic()
    for control in routing_controls.RANKED:
        if control.name == name:
            return control
    try:
        return scorers.build(name)
    except ValueError as exc:
        raise click.ClickException(str(exc)) from exc


def _host_heuristic() -> Scorer:
    from litellm_plugins.proxy.routing.host_heuristic import HostHeuristic

    return HostHeuristic()
