"""The sidecar with another engine (`compressor_engine`): in a thread, or for the proxy to start."""

from __future__ import annotations

import stat
import sys
import threading
from pathlib import Path
from typing import Self

import uvicorn

from litellm_plugins.compression.llmlingua.server import Desk, build_app
from litellm_plugins.compression.llmlingua.serving import address_of, listen_tcp, listen_unix
from tests.support import compressor_engine
from tests.support.compressor_engine import SLOW, SmallWords
from tests.support.waiting import eventually

_ROOT = Path(__file__).resolve().parents[2]


class RunningSidecar:
    """One in a thread of this process: `with RunningSidecar(SmallWords()) as sidecar: … sidecar.url`."""

    def __init__(self, engine: SmallWords, *, most_waiting: int = 4, path: Path | None = None) -> None:
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
        self._listener.close()


def standin(folder: Path) -> Path:
    """A program for `llmlingua.python` that serves with `SmallWords`; `slow_s` in `folder` says how slowly."""
    program = folder / "python"
    env = f'PYTHONPATH="{_ROOT}" {SLOW}="{folder}/slow_s"'
    program.write_text(f'#!/bin/sh\nexec env {env} "{sys.executable}" "{compressor_engine.__file__}" "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program
