"""A sidecar that the proxy starts itself: one for all workers of this machine, on a unix socket of its own.

The workers share it by a lock on a file: who holds it has started the process and starts it again when it ends. When
that worker is gone, however it went, its sidecar ends too and another worker takes the lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_LOG = logging.getLogger(__name__)
_LOOKED_EVERY_S = 0.5
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_LIVED_S = 30.0  # one that ran that long is started again at once
_STOP_S = 5.0
_CANNOT = 3  # its exit code where the model cannot be loaded


@dataclass(frozen=True, slots=True)
class Start:
    """What to start."""

    model: str
    device: str = "auto"
    download: bool = False
    python: str = ""  # in which the extra is installed; "": ours
    most_waiting: int = 16

    def command(self, path: Path) -> list[str]:
        """Its command line, listening at `path`."""
        run = [self.python or sys.executable, "-m", "litellm_plugins.cli", "compressor", "serve"]
        run += ["--model", self.model, "--device", self.device, "--most-waiting", str(self.most_waiting)]
        run += ["--download"] if self.download else []
        return [*run, "--socket", str(path), "--parent", str(os.getpid())]


class Child:
    """Starts it, watches over it, ends it. Its thread is the only one that does."""

    def __init__(self, start: Start, *, folder: Path | None = None) -> None:
        self._start_what = start
        name = hashlib.sha256(repr(start).encode()).hexdigest()[:16]
        self._folder = _runtime_folder() if folder is None else folder
        self.path = self._folder / f"{name}.sock"
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens, once it does."""
        return f"unix:{self.path}"

    @property
    def pid(self) -> int | None:
        """Of the process, where it is this worker that has started it."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Begin to watch over it; the first does nothing but start a thread. Again: nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="compressor", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End it, where it is ours, and wait for that: a few seconds at most."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(_STOP_S + 1)

    def _run(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._folder.stat().st_uid != os.getuid():
                raise PermissionError(f"{self._folder} belongs to somebody else")
            with self.path.with_suffix(".lock").open("wb") as lock:
                while not _taken(lock):
                    if self._ended.wait(_LOOKED_EVERY_S):
                        return
                self._keep_up()
        except OSError as exc:
            _LOG.warning("no compressor of our own: %s", exc)

    def _keep_up(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._ended.is_set():
            lived_s, code = self._once()
            if self._ended.is_set():
                return
            pause_s = _FIRST_PAUSE_S if lived_s >= _LIVED_S else min(2 * pause_s, _LONGEST_PAUSE_S)
            pause_s = _LONGEST_PAUSE_S if code == _CANNOT else pause_s
            _LOG.warning("the compressor ended (%s) after %.0f s; begun again in %.0f s", code, lived_s, pause_s)
            if self._ended.wait(pause_s):
                return

    def _once(self) -> tuple[float, int]:
        """From its start to its end: how long it lived, and its exit code."""
        command = self._start_what.command(self.path)
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:  # noqa: S603
            self._process = process
            lived_s = 0.0
            while process.poll() is None and not self._ended.wait(_LOOKED_EVERY_S):
                lived_s += _LOOKED_EVERY_S
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(_STOP_S)
                except subprocess.TimeoutExpired:
                    process.kill()
            self._process = None
            return lived_s, process.wait()


def _taken(lock: IO[bytes]) -> bool:
    """Whether the lock is ours now. The system lets go of it when this process ends."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _runtime_folder() -> Path:
    """Where sockets of this user's are: short, for a socket's path has 107 bytes at most."""
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given and Path(given).is_dir():
        return Path(given) / "litellm-plugins"
    return Path(tempfile.gettempdir()) / f"litellm-plugins-{os.getuid()}"
