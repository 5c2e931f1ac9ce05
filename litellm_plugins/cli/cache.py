"""`litellm-plugins cache`: look into the cache, empty it, fill it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from litellm_plugins.cli import cache_files
from litellm_plugins.cli.cache_client import LocalCache
from litellm_plugins.cli.connection import Client, connected
from litellm_plugins.cli.connection import show as show_answer

if TYPE_CHECKING:
    from rich.console import Console

_BATCH = 50  # rows of one call: a progress bar that moves, and no request that waits long for its own embedding
_EXIT_CODES = {"pass": 0, "fail": 1, "not_enough": 2}  # of the gate
F = TypeVar("F", bound=Callable[..., Any])

_connected = connected("/plugins/cache", LocalCache, what="store")


@click.group()
def cache() -> None:
    """Look into the cache, empty it, fill it. Through the running proxy, or on its store with --config."""


def _selecting(command: F) -> F:
    """The options that name entries."""
    for option in (
        click.option("--id", "cache_id", help="As the header x-litellm-plugins-cache-id tells it."),
        click.option("--tag", help="As given with the request, by the settings or with a curated answer."),
        click.option("--namespace"),
        click.option("--model", help="The model group."),
        click.option("--version", help="Of the documents, as cache.version says."),
        click.option("--text", help="Part of the question, whatever the case."),
        click.option("--team", help="A team's, by its id."),
        click.option("--for-key", "key", help="A key's own, by its hash."),
        click.option("--tenant", help="As the statistics spell it."),
        click.option("--curated/--not-curated", default=None, help="Only those that people wrote, or only the others."),
    ):
        command = option(command)
    return command


@cache.command()
@_connected
def stats(client: Client, *, as_json: bool) -> None:
    """How much lies in the cache, and whose it is."""
    told = client.call("GET", "/stats")
    _show(told, as_json, lambda tables, out: tables.stats(told, out))


@cache.command()
@click.argument("entry_id", required=False)
@_selecting
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True)
@_connected
def get(client: Client, *, entry_id: str | None, limit: int, as_json: bool, **selector: Any) -> None:  # noqa: ANN401
    """One entry with its answer, or a list of those that the options name; the newest first."""
    if entry_id:
        entry = client.call("GET", f"/entries/{entry_id}")
        _show(entry, as_json, lambda tables, out: tables.entry(entry, out))
        return
    query = {name: str(value).lower() if name == "curated" else value for name, value in _given(selector).items()}
    found = client.call("GET", "/entries", {**query, "limit": str(limit)})
    _show(found, as_json, lambda tables, out: tables.entries(found["entries"], out))


@cache.command()
@_selecting
@click.option("--all", "everything", is_flag=True, help="Everything; curated answers only with --curated.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before everything goes.")
@_connected
def invalidate(
    client: Client,
    *,
    everything: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **selector: Any,  # noqa: ANN401
) -> None:
    """Remove entries, for every worker at once. Curated answers go only by --id, by --tag or with --curated."""
    if everything and not (dry_run or yes):
        click.confirm("Remove everything?", abort=True, err=True)
    told = client.call("POST", "/invalidate", {**_given(selector), "all": everything, "dry_run": dry_run})
    if as_json:
        click.echo(json.dumps(told, indent=2))
    elif dry_run:
        _show(told, as_json, lambda tables, out: tables.entries(told["entries"], out))
        click.echo(f"{told['would_remove']} would be removed")
    else:
        click.echo(f"{told['removed']} removed")


@cache.command()
@click.option("--question", "questions", multiple=True, help="Repeat for each way of asking.")
@click.option("--answer", help="The answer; or --answer-file.")
@click.option("--answer-file", type=click.File(encoding="utf-8"), help="A file with the answer, - for stdin.")
@click.option("--team", help="For this team, by its id.")
@click.option("--for-key", "key", help="For this key alone, by its hash.")
@click.option("--everyone", is_flag=True, help="For all who ask.")
@click.option("--model", help="Only where this model group is asked; default: any.")
@click.option("--system", help="Only under this system prompt; default: any.")
@click.option("--namespace")
@click.option("--tag", "tags", multiple=True, help="To remove it by; repeat for more.")
@click.option("--remove", metavar="ID", help="Remove a curated answer instead.")
@_connected
def curate(client: Client, *, remove: str | None, answer_file: Any, as_json: bool, **given: Any) -> None:  # noqa: ANN401
    """Write an answer yourself. It is served to whoever asks the question, never expires and is never evicted."""
    if remove:
        told = client.call("DELETE", f"/curate/{remove}")
        click.echo(json.dumps(told) if as_json else f"{told['removed']} removed")
        return
    if answer_file is not None:
        given["answer"] = answer_file.read().strip()
    told = client.call("POST", "/curate", _given({**given, "everyone": given["everyone"] or None}))
    if as_json:
        click.echo(json.dumps(told, indent=2))
        return
    for cache_id in told["cache_ids"]:
        note = "  (for these very words only: too long to compare)" if cache_id in told["exact_only"] else ""
        click.echo(f"{cache_id}{note}")


@cache.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", type=click.Choice(["faq", "log"]), help="Default: log where the rows carry a response.")
@click.option("--team", help="Whose, where a row does not say.")
@click.option("--for-key", "key", help="The same for a key, by its hash.")
@click.option("--everyone", is_flag=True, help="FAQs for all who ask, where a row does not say.")
@click.option("--ttl", "ttl_s", type=click.FloatRange(0, min_open=True), help="Seconds. FAQs: as max_ttl_s allows.")
@click.option("--pin", is_flag=True, help="FAQs become curated answers: they never expire.")
@_connected
def warm(
    client: Client,
    *,
    file: Path,
    source: str | None,
    everyone: bool,
    pin: bool,
    as_json: bool,
    **given: Any,  # noqa: ANN401
) -> None:
    """Fill the cache from FAQs (CSV, JSON Lines, YAML) or from past logs (JSON Lines).

    What is there already is left alone: a run that broke off can simply be repeated.
    """
    rows = cache_files.read(file)
    kind = source or ("log" if cache_files.looks_like_a_log(rows) else "faq")
    common = {**_given({**given, "everyone": everyone or None}), "source": kind, **({"pin": True} if pin else {})}
    bad: list[dict[str, Any]] = [{"line": row.line, "problem": row.problem} for row in rows if row.values is None]
    counted = {"stored": 0, "present": 0}
    readable = [row for row in rows if row.values is not None]
    with _progress(len(readable), quiet=as_json) as advance:
        for start in range(0, len(readable), _BATCH):
            batch = readable[start : start + _BATCH]
            told = client.call("POST", "/warm", {**common, "rows": [row.values for row in batch]})
            for row, result in zip(batch, told["results"], strict=True):
                if result["status"] == "bad":
                    bad.append({"line": row.line, "problem": result["problem"]})
                else:
                    counted[result["status"]] += 1
            advance(len(batch))
    bad.sort(key=lambda problem: problem["line"])
    if as_json:
        click.echo(json.dumps({**counted, "bad": bad}, indent=2))
    else:
        for problem in bad:
            click.echo(f"{file}, row {problem['line']}: {problem['problem']}", err=True)
        click.echo(f"{counted['stored']} stored, {counted['present']} were there already, {len(bad)} bad")
    raise SystemExit(1 if bad else 0)


@cache.command()
@click.option("--at-least", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.95, show_default=True)
@click.option("--team", help="Only this team's checks, by its id.")
@click.option("--model", help="Only this model group's.")
@click.option("--hours", type=click.FloatRange(0, min_open=True), help="Only those of the last hours.")
@click.option("--by", type=click.Choice(["team", "model", "layer"]), help="Judge each by itself, too.")
@_connected
def gate(client: Client, *, as_json: bool, **given: Any) -> None:  # noqa: ANN401
    """Are the cache's answers as good as the model's own? From the checks of hits that were answered afresh.

    Exit code 0: the 95 % interval of the share lies at or above --at-least. 1: it does not. 2: too few checks to say.
    """
    told = client.call("GET", "/gate", {name: str(value) for name, value in _given(given).items()})
    _show(told, as_json, lambda tables, out: tables.gate(told, out))
    raise SystemExit(_EXIT_CODES[told["verdict"]])


@cache.command()
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True)
@click.option("--action", help="Only this: invalidate, curate, uncurate, warm, event, version, verdict…")
@_connected
def audit(client: Client, *, limit: int, action: str | None, as_json: bool) -> None:
    """Who did what to the cache, the newest first."""
    told = client.call("GET", "/audit", _given({"limit": str(limit), "action": action}))
    _show(told, as_json, lambda tables, out: tables.audit(told["records"], out))


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """What was said: an empty namespace is one, an empty list is not."""
    return {name: list(v) if isinstance(v, tuple) else v for name, v in options.items() if v is not None and v != ()}


def _show(told: Mapping[str, Any], as_json: bool, table: Callable[[Any, Console], None]) -> None:
    def draw(out: Console) -> None:
        from litellm_plugins.cli import cache_tables

        table(cache_tables, out)

    show_answer(told, as_json, draw)


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("rows"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task("rows", total=total)
        yield lambda done: bar.advance(task, done)
