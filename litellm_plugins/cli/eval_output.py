"""How `litellm-plugins eval` runs, shows how far it is, and prints."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from litellm_plugins.errors import PluginError

if TYPE_CHECKING:
    from rich.console import Console


def run(work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    """What `work` gives; an error of ours becomes one line and exit code 1."""
    try:
        return asyncio.run(work)
    except PluginError as exc:
        raise click.ClickException(str(exc)) from exc


def tell(
    result: dict[str, Any], *, as_json: bool, draw: Callable[[dict[str, Any], Console], None] | None = None
) -> None:
    """As one JSON object, or as what `draw` makes of it; without that, as a table of every number in it."""
    if as_json:
        click.echo(json.dumps(result))
        return
    from rich.console import Console
    from rich.table import Table

    if draw is not None:
        draw(result, Console())
        return
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
                yield from _flat(item, f"{path}.{number}.") if isinstance(item, dict) else [(f"{path}.{number}", item)]
        else:
            yield path, inner


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
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
