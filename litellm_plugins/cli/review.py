"""`litellm-plugins review <command>`: what is worth a look, verdicts, and what they say."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from litellm_plugins.cli import review_items
from litellm_plugins.cli.connection import Client, show, through_proxy
from litellm_plugins.cli.review_replay import replay

if TYPE_CHECKING:
    from rich.console import Console

_ROOT = "/plugins/review"
_KINDS = click.Choice(["hit", "route", "compression", "comparison", "answer"])
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def review() -> None:
    """Answers that are worth a look, verdicts on them, and what these did."""


review.add_command(replay)


@review.command()
@click.option("--limit", type=click.IntRange(1, 1_000), default=30, show_default=True)
@click.option("--kind", type=_KINDS, help="Of this kind only.")
@click.option("--team", help="Of this team only.")
@click.option("--full", is_flag=True, help="With all that is kept of the texts, one below the other.")
@click.option("--out", type=click.Path(path_type=Path), help="Write JSON lines to fill in, for `review verdicts`.")
@through_proxy(_ROOT)
def queue(
    client: Client, limit: int, kind: str | None, team: str | None, full: bool, out: Path | None, as_json: bool
) -> None:
    """What is worth a reviewer's minute, in this order; a part of it is drawn by chance."""
    given = {"limit": limit, **({"kind": kind} if kind else {}), **({"team": team} if team else {})}
    told = client.call("GET", "/queue", given)
    if out is not None:
        _write(out, review_items.lines(told["items"]))
        click.echo(f"{len(told['items'])} items in {out}")
        return
    draw = review_items.whole if full else review_items.table
    show(told, as_json, lambda console: draw(told["items"], console))


@review.command()
@click.argument("item")
@click.argument("verdict", type=click.Choice(["right", "wrong"]))
@click.option("--comment", default="", help="For whoever reads it later.")
@click.option("--by", default="", help="Who says so; default: the key's name.")
@through_proxy(_ROOT)
def verdict(client: Client, item: str, verdict: str, comment: str, by: str, as_json: bool) -> None:
    """Say whether an item of the queue was answered rightly."""
    told = client.call("POST", "/verdicts", {"item_id": item, "verdict": verdict, "comment": comment, "by": by})
    show(told, as_json, lambda out: out.print(f"{told['id']}: {', '.join(told['effects']) or 'no effects'}"))


@review.command()
@click.option("--file", "file", type=_FILE, required=True, help="JSON lines {item_id or trace_id, verdict, …}, UTF-8.")
@through_proxy(_ROOT)
def verdicts(client: Client, file: Path, as_json: bool) -> None:
    """Verdicts out of a file. A line that cannot be used is told, and does not stop the others; exit code 1 then.

    A line without a verdict ("") is left for later.
    """
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    # By its bytes: a line end within a text is none, and one line that is no UTF-8 does not stop the others.
    for number, line in enumerate(file.read_bytes().removeprefix(codecs.BOM_UTF8).split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            given = review_items.said_in(line)
            if given is not None:
                done.append(client.call("POST", "/verdicts", {"source": "file", **given}))
        except (ValueError, RecursionError, click.ClickException) as exc:
            failed.append({"line": number, "fault": exc.message if isinstance(exc, click.ClickException) else str(exc)})

    def draw(out: Console) -> None:
        out.print(f"{len(done)} verdicts taken, {len(failed)} not")
        for each in failed:
            out.print(f"line {each['line']}: {each['fault']}")

    show({"done": done, "failed": failed}, as_json, draw)
    if failed:
        raise SystemExit(1)


@review.command()
@click.option("--days", type=float, default=30, show_default=True)
@click.option("--team", help="Of this team only.")
@through_proxy(_ROOT)
def report(client: Client, days: float, team: str | None, as_json: bool) -> None:
    """Precision from the control sample with its 95 % interval, quality by tier and arm, before and after, promises."""
    told = client.call("GET", "/report", {"days": days, **({"team": team} if team else {})})

    def draw(out: Console) -> None:
        from litellm_plugins.cli import review_tables

        review_tables.show(told, out)

    show(told, as_json, draw)


@review.command()
@click.option("--outcomes", type=click.Path(path_type=Path), required=True, help="The file to write: JSON lines.")
@click.option("--strong", default="", help="The dear model, taken to be right where it was not asked.")
@through_proxy(_ROOT)
def export(client: Client, outcomes: Path, strong: str, as_json: bool) -> None:
    """Verdicts on routed answers, as rows for `litellm-plugins routing train --outcomes`."""
    told = client.call("GET", "/outcomes", {"strong": strong} if strong else {})
    rows, left_out = told["rows"], told.get("left_out", 0)
    _write(outcomes, "".join(json.dumps(row) + "\n" for row in rows))
    cut = f"; {left_out} verdicts left out, whose prompts are cut or not kept any more" if left_out else ""
    summary = {"rows": len(rows), "left_out": left_out, "file": str(outcomes)}
    show(summary, as_json, lambda out: out.print(f"{len(rows)} rows in {outcomes}{cut}"))


@review.command()
@through_proxy(_ROOT)
def sync(client: Client, as_json: bool) -> None:
    """Push the queue to Langfuse, and take in its reviewers' scores. What fails is told; exit code 1 then."""
    told = client.call("POST", "/sync", {})

    def draw(out: Console) -> None:
        scores = told["scores"]
        out.print(f"queue: {told['pushed']} items put into Langfuse, {told['there']} were there")
        out.print(
            f"scores: {scores['read']} new, {scores['verdicts']} taken as verdicts, "
            f"{scores['unknown']} of traces that are not kept, {scores['unreadable']} neither right nor wrong, "
            f"{scores.get('overtaken', 0)} older than a verdict that says otherwise"
        )
        for each in told["failed"]:
            out.print(f"failed: {each['step']}: {each['reason']} ({each['detail']}); the next sync goes on from there")

    show(told, as_json, draw)
    if told["failed"]:
        raise SystemExit(1)


@review.command()
@click.option("--limit", type=click.IntRange(1, 1_000), default=30, show_default=True)
@click.option("--judged", is_flag=True, help="What people have judged already: to measure the judge by it.")
@through_proxy(_ROOT)
def judge(client: Client, limit: int, judged: bool, as_json: bool) -> None:
    """Ask the judge model of the settings for a first opinion. It does nothing by itself."""
    told = client.call("POST", "/judge", {"limit": limit, "judged": judged})

    def draw(out: Console) -> None:
        counts = ", ".join(f"{told[name]} {name}" for name in ("right", "wrong", "unclear"))
        out.print(f"{counts}; {told['no_text']} without text; {told['cost_nano_usd'] / 1e9:.6f} USD")
        if told["failed"]:
            out.print(f"broke off: {told['failed']}")

    show(told, as_json, draw)
    if told["failed"]:
        raise SystemExit(1)


def _write(file: Path, text: str) -> None:
    try:
        file.write_bytes(text.encode("utf-8", "replace"))
    except OSError as exc:
        raise click.ClickException(f"{file} cannot be written: {exc.strerror}") from exc
