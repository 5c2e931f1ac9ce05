"""`litellm-plugins routing train`: fit the trained scorer to one's own labelled prompts, if that makes it better."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litellm_plugins.cli.eval_output import progress, run, tell
from litellm_plugins.errors import PluginError

if TYPE_CHECKING:
    from litellm_plugins.evaluation.routing_trial import Trial
    from litellm_plugins.routing.scorers.trained import TrainedScorer

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.option("--outcomes", type=_FILE, required=True, help="JSON lines {id, prompt, outcomes}: 1,500, say.")
@click.option("--weak", required=True, help="The cheap model, as the file names it.")
@click.option("--strong", required=True, help="The dear model.")
@click.option(
    "--current",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The folder of the scorer in use; default: the shipped one.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder to write; for routing.adapted.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the resampling for the intervals.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def train(outcomes: Path, weak: str, strong: str, current: Path | None, out: Path, seed: int, as_json: bool) -> None:
    """Fit a scorer, and write it if it beats the current one on prompts held back (95 %). Exit code 2 where not."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    report = run(_train(outcomes, (weak, strong), current, out, seed))
    tell(report, as_json=as_json)
    raise SystemExit(0 if report["promoted"] else 2)


async def _train(outcomes: Path, models: tuple[str, str], current: Path | None, out: Path, seed: int) -> dict[str, Any]:
    from litellm_plugins.routing.scorers.trained import ARTEFACT, shipped, write

    found = await _trial(outcomes, models, shipped(current or ARTEFACT), seed)
    if found.is_better:
        try:
            write(found.scorer, out)
        except OSError as exc:
            raise _Unwritable(str(exc)) from exc
    return found.report | {"written": str(out) if found.is_better else None}


async def _trial(outcomes: Path, models: tuple[str, str], current: TrainedScorer, seed: int) -> Trial:
    from litellm_plugins.embedding.local import LocalEmbedder
    from litellm_plugins.evaluation import routing_rows, routing_trial
    from litellm_plugins.evaluation.rows import read_rows
    from litellm_plugins.routing.outcomes import parse

    judged = routing_rows.select(read_rows(outcomes, parse), *models)
    vectors = []
    async with AsyncExitStack() as stack:
        embedder = LocalEmbedder()
        stack.push_async_callback(embedder.aclose)
        with progress("prompts", len(judged.prompts)) as advance:
            for prompt in judged.prompts:
                vectors.append((await embedder.embed(prompt)).vector)
                advance()
    found = routing_trial.trial(judged, vectors, current, seed=seed)
    fitted = replace(found.scorer, about={**found.scorer.about, "embedder": embedder.model_id})
    return replace(found, scorer=fitted)


class _Unwritable(PluginError):
    """The scorer could not be written."""

    code = "routing_artefact_unwritable"
