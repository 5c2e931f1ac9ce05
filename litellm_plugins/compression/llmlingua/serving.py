"""The sidecar as a process: where it listens, and when it ends."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import uvicorn

from litellm_plugins.compression.llmlingua.engine import Engine
from litellm_plugins.compression.llmlingua.server import Desk, build_app

LOCALHOST = "127.0.0.1"
DEFAULT_PORT = 8300
MOST_WAITING = 16
_CANNOT = 3  # the exit code where the model cannot be loaded
_LOOKED_EVERY_S = 0.5
_GRACE_S = 3.0


def serve(
    engine: Engine, listener: socket.socket, *, most_waiting: int = MOST_WAITING, parent: int | None = None
) -> int:
    """Answer until a signal comes, or until the process `parent` is gone. The exit code."""
    desk = Desk(engine, most_waiting=most_waiting)
    server: uvicorn.Server

    def stop() -> None:
        server.should_exit = True

    config = uvicorn.Config(
        build_app(desk, failed=stop),
        access_log=False,
        loop="asyncio",  # uvloop takes no unix socket that is bound already
        log_config=None,
        log_level="warning",
        ws="none",
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    if parent is not None:
        threading.Thread(target=_watch, args=(parent, stop), name="parent", daemon=True).start()
    sys.stdout.write(f"compressor listening on {address_of(listener)}\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        server.run([listener])
    if desk.fault is not None:
        sys.stderr.write(f"compressor: {desk.fault}\n")
        return _CANNOT
    return 0


def exit_now(code: int) -> None:
    """End without waiting for the thread that the model runs in: it may be at a long text."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def listen_tcp(host: str, port: int) -> socket.socket:
    """Raises: OSError, where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=128)


def listen_unix(path: Path) -> socket.socket:
    """A socket that only this user can open. One that nobody listens at any more is replaced.

    Raises: OSError, where somebody does.
    """
    if path.exists() and stat.S_ISSOCK(path.lstat().st_mode):
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except OSError:
                path.unlink(missing_ok=True)
            else:
                raise OSError(f"somebody listens at {path} already")
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(128)
    return listener


def address_of(listener: socket.socket) -> str:
    """As `llmlingua.url` takes it."""
    if listener.family == socket.AF_UNIX:
        return f"unix:{listener.getsockname()}"
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _watch(parent: int, stop: Callable[[], None]) -> None:
    """A process whose parent dies, however it dies, gets another one."""
    while os.getppid() == parent:
        time.sleep(_LOOKED_EVERY_S)
    stop()
    time.sleep(_GRACE_S)
    os._exit(0)
