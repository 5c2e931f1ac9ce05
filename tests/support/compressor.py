"""The sidecar as it is, with another engine: no torch, and as slow as it is told to be.

As a program it stands where `python` stands on a sidecar's command line (`llmlingua.python`): `standin` writes one.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Self

import click

from litellm_plugins.compression.llmlingua.aligning import rebuilt
from litellm_plugins.compression.llmlingua.engine import EngineUnavailable
from litellm_plugins.compression.llmlingua.protocol import Refusal, Refused, Wanted
from litellm_plugins.compression.llmlingua.server import Desk, build_app
from litellm_plugins.compression.llmlingua.serving import address_of, exit_now, listen_tcp, listen_unix, serve
from tests.support.waiting import eventually

_ROOT = Path(__file__).resolve().parents[2]
_SMALL = re.compile(r"\b(?:the|a|an|of|and|to|in|that|it|was|is|very|really|for|on|with|as|at|by|not)\b", re.IGNORECASE)
_SLOW = "LITELLM_PLUGINS_TEST_SLOW_S"  # seconds for each text; read for every text from the file of that name


class SmallWords:
    """Drops small words, `not` among them, but for what has to stay."""

    device = "none"

    def __init__(self, model: str = "small-words", *, slow_s: float = 0.0, loads_s: float = 0.0) -> None:
        self.model, self.slow_s, self._loads_s = model, slow_s, loads_s
        self.seen: list[Wanted] = []

    def load(self) -> None:
        time.sleep(self._loads_s)
        if self.model == "broken":
            raise EngineUnavailable("the model broken cannot be loaded")

    def compress(self, wanted: Wanted) -> str:
        self.seen.append(wanted)
        time.sleep(self.slow_s)
        if "crash here" in wanted.text:
            raise ZeroDivisionError
        if "unreadable here" in wanted.text:
            raise Refused(Refusal.UNREADABLE)
        return rebuilt(wanted.text, [found.span() for found in _SMALL.finditer(wanted.text)], wanted.keep)


class RunningSidecar:
    """One in a thread of this process: `with RunningSidecar(SmallWords()) as sidecar: … sidecar.url`."""

    def __init__(self, engine: SmallWords, *, most_waiting: int = 4, path: Path | None = None) -> None:
        import uvicorn

        self.engine = engine
        self.desk = Desk(engine, most_waiting=most_waiting)
        self._listener = listen_tcp("127.0.0.1", 0) if path is None else listen_unix(path)
        self.url = address_of(self._listener)
        self._server = uvicorn.Server(
            uvicorn.Config(
                build_app(self.desk, failed=lambda: None),
                log_config=None,
                log_level="warning",
                ws="none",
                loop="asyncio",
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        eventually(lambda: self._server.started, what="the sidecar to start")
        return self

    def ready(self) -> Self:
        eventually(lambda: self.desk.health().ready, what="the sidecar to be ready")
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)


def standin(folder: Path) -> Path:
    """A program for `llmlingua.python` that serves with `SmallWords`; `slow_s` in `folder` says how slowly."""
    program = folder / "python"
    env = f'PYTHONPATH="{_ROOT}" {_SLOW}="{folder}/slow_s"'
    program.write_text(f'#!/bin/sh\nexec env {env} "{sys.executable}" "{__file__}" "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


class _FromFile(SmallWords):
    def compress(self, wanted: Wanted) -> str:
        path = Path(os.environ.get(_SLOW, "/nowhere"))
        self.slow_s = float(path.read_text()) if path.exists() else 0.0
        return super().compress(wanted)


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
