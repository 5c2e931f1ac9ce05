"""`litellm-plugins eval compression`: what is left of documents that were shortened, and of the answers in them."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litellm_plugins.cli.eval_output import progress, run, tell

if TYPE_CHECKING:
    from litellm_plugins.evaluation.compression import Choose

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_LEXICAL, _SEMANTIC = "extractive", "extractive_semantic"
_AT_ONCE = (_LEXICAL, "extractive_in_prompt", "extractive_strict")


@click.command("compression")
@click.option("--qa", "path", type=_FILE, required=True, help="JSON lines {id, question, answers, documents}.")
@click.option("--rate", type=click.FloatRange(0, 1), required=True, help="Share of the tokens that may stay.")
@click.option("--method", type=click.Choice([*_AT_ONCE, _SEMANTIC]), default=_LEXICAL, show_default=True)
@click.option(
    "--distractors",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Documents of other rows to add to each row's own: the nearest to its question by BM25, shuffled.",
)
@click.option("--skip", type=click.IntRange(0), default=0, show_default=True, help="Rows to leave out, from the first.")
@click.option("--limit", type=click.IntRange(1), help="Rows to measure; all of the rest without it.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the order that documents are shuffled in.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def compression_command(
    path: Path,
    rate: float,
    method: str,
    distractors: int,
    skip: int,
    limit: int | None,
    seed: int,
    as_json: bool,
) -> None:
    """How often a gold answer is still there once documents are shortened, beside truncation and chance."""
    asked = {"method": method, "rate": rate, "distractors": distractors, "seed": seed, "skip": skip}
    tell(asked | run(_compression(path, rate, method, distractors, skip, limit, seed)), as_json=as_json)


async def _compression(
    path: Path, rate: float, method: str, distractors: int, skip: int, limit: int | None, seed: int
) -> dict[str, Any]:
    from litellm_plugins.compression.tokens import cl100k
    from litellm_plugins.evaluation import compression
    from litellm_plugins.evaluation.compression_rows import Row
    from litellm_plugins.evaluation.rows import BadRows, read_rows

    rows = read_rows(path, Row.parse)
    if skip >= len(rows):
        raise BadRows(f"{path}: {len(rows)} rows, and {skip} of them are to be skipped")
    count = cl100k()
    async with AsyncExitStack() as stack:
        chosen = compression.AT_ONCE[method] if method in _AT_ONCE else await _semantic(stack)
        with progress("rows", min(limit or len(rows), len(rows) - skip)) as advance:
            return await compression.measure(
                rows,
                chosen,
                rate=rate,
                count=count,
                distractors=distractors,
                seed=seed,
                first=skip,
                limit=limit,
                progress=advance,
            )


async def _semantic(stack: AsyncExitStack) -> Choose:
    """With the bundled model, loaded before it is timed. Not remembered: documents come again from row to row."""
    from litellm_plugins.compression.extractive.semantic import SemanticSelector
    from litellm_plugins.embedding.local import LocalEmbedder

    embedder = LocalEmbedder()
    stack.push_async_callback(embedder.aclose)
    await embedder.warm()
    return SemanticSelector(embedder).choose
