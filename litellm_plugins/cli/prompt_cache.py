"""`litellm-plugins prompt-cache report`: what the provider's prompt cache saves, and why it does not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from litellm_plugins.cli.connection import Client, connected, show

if TYPE_CHECKING:
    from rich.console import Console


def _nowhere(_: Path) -> NoReturn:
    raise click.ClickException("the families are in the running proxy's memory: ask it with --url, without --config")


@click.group("prompt-cache")
def prompt_cache() -> None:
    """What the provider's prompt cache saves."""


@prompt_cache.command()
@connected("/plugins/prompt-cache", _nowhere, what="store")
def report(client: Client, as_json: bool) -> None:
    """Hit rate and dollars saved by family of prompts, and why one is not cached; of all workers."""
    told = client.call("GET", "")

    def draw(out: Console) -> None:
        from rich.table import Table

        table = Table("family", "team", "model", "requests", "hit rate", "saved USD", "prefix", "why not")
        for each in told["families"]:
            table.add_row(*_row(each))
        out.print(table)
        total = told["total"]
        whose = "all workers" if told["worker"] is None else f"worker {told['worker']} alone, the store cannot be read"
        out.print(f"{whose}: hit rate {_share(total['hit_rate'])}, saved {total['saved_usd']} USD")

    show(told, as_json, draw)


def _row(family: dict[str, Any]) -> list[str]:
    why = "; ".join(each["words"] for each in family["why_not"])
    counts = [str(family["requests"]), _share(family["hit_rate"]), family["saved_usd"], f"{family['prefix_tokens']:,}"]
    return [family["family"], family["team"], family["model"], *counts, why]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
