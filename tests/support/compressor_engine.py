"""The sidecar as it is, with another engine: no torch, and as slow as it is told to be.

Run as a program it stands where `python` stands on a sidecar's command line (see `compressor.standin`), so it imports
nothing of `tests`: that would take it seconds.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import click

from litellm_plugins.compression.llmlingua.aligning import rebuilt
from litellm_plugins.compression.llmlingua.engine import EngineUnavailable
from litellm_plugins.compression.llmlingua.protocol import Refusal, Refused, Wanted
from litellm_plugins.compression.llmlingua.serving import exit_now, listen_unix, serve

SLOW = "LITELLM_PLUGINS_TEST_SLOW_S"  # names a file with the seconds for each text, read for every text
_SMALL = re.compile(r"\b(?:the|a|an|of|and|to|in|that|it|was|is|very|really|for|on|with|as|at|by|not)\b", re.IGNORECASE)


class SmallWords:
    """Drops small words, `not` among them, but for what has to stay."""

    device = "none"

    def __init__(self, model: str = "small-words", *, slow_s: float = 0.0, loads_s: float = 0.0) -> None:
        self.model, self.slow_s, self._loads_s = model, slow_s, loads_s
        self.seen: list[Wanted] = []
        self.late: list[bool] = []
        self.may_answer = threading.Event()  # cleared, a text takes until it is set again
        self.may_answer.set()

    def load(self) -> None:
        time.sleep(self._loads_s)
        if self.model == "broken":
            raise EngineUnavailable("the model broken cannot be loaded")

    def compress(self, wanted: Wanted, *, late: Callable[[], bool]) -> str:
        self.seen.append(wanted)
        time.sleep(self.slow_s)
        assert self.may_answer.wait(60), "nobody let it answer"
        self.late.append(late())
        if "crash here" in wanted.text:
            raise ZeroDivisionError
        if "unreadable here" in wanted.text:
            raise Refused(Refusal.UNREADABLE)
        return rebuilt(wanted.text, [found.span() for found in _SMALL.finditer(wanted.text)], wanted.keep)


class _FromFile(SmallWords):
    def compress(self, wanted: Wanted, *, late: Callable[[], bool]) -> str:
        path = Path(os.environ.get(SLOW, "/nowhere"))
        self.slow_s = float(path.read_text()) if path.exists() else 0.0
        return super().compress(wanted, late=late)


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("before", nargs=-1)
@click.option("--model")
@click.option("--socket", "path", type=click.Path(path_type=Path))
@click.option("--parent", type=int)
@click.option("--most-waiting", type=int)
@click.option("--device")
@click.option("-m", "module")
def _main(
    *, before: tuple[str, ...], model: str, path: Path, parent: int, most_waiting: int, device: str, module: str
) -> None:
    assert (module, before, device) == ("litellm_plugins.cli", ("compressor", "serve"), "auto")
    exit_now(serve(_FromFile(model), listen_unix(path), most_waiting=most_waiting, parent=parent))


if __name__ == "__main__":
    _main()
