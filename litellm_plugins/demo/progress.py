"""How far it is: a spinner and a bar on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from litellm_plugins.demo.traffic import Outcome
from litellm_plugins.model import Layer

if TYPE_CHECKING:
    from rich.console import Console

_PLAIN_LINES = 4


@contextmanager
def spinning(console: Console, what: str) -> Iterator[None]:
    """While something is waited for."""
    if not console.is_terminal:
        console.print(what, highlight=False)
        yield
        return
    with console.status(what):
        yield


@contextmanager
def counting(console: Console, total: int) -> Iterator[Callable[[Outcome], None]]:
    """While requests are answered; call what it gives with each outcome."""
    counts: dict[str, int] = dict.fromkeys((Layer.EXACT, Layer.SEMANTIC, Layer.MISS), 0)

    def line() -> str:
        return ", ".join(f"{count} {name}" for name, count in counts.items())

    def count(outcome: Outcome) -> int:
        name = str(outcome.layer or "failed")
        counts[name] = counts.get(name, 0) + 1
        return sum(counts.values())

    if not console.is_terminal:
        every = max(1, total // _PLAIN_LINES)

        def tell(outcome: Outcome) -> None:
            done = count(outcome)
            if done % every == 0 or done == total:
                console.print(f"{done} of {total} answered: {line()}", highlight=False)

        yield tell
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(line(), total=total)

        def advance(outcome: Outcome) -> None:
            count(outcome)
            bar.update(task, advance=1, description=line())

        yield advance
