"""A process that has imported LiteLLM's proxy, and is forked for each proxy of a run, and for commands that need it.

Run as a script it is that process, with one argument: the descriptor of its end of a socket. The import costs 13 CPU
seconds and is paid once. Everything after it, from the command line on, each proxy does for itself; the pack is
imported by each as well. What has threads once it is imported (onnxruntime) may not be imported here.
"""

from __future__ import annotations

import atexit
import gc
import json
import multiprocessing
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

MAX_MESSAGE_BYTES = 150_000  # of one packet on the socket
_LOOK_EVERY_S = 0.05


def main(requests: socket.socket) -> None:
    """A fork for each request, until the other end of the socket is closed."""
    import litellm.proxy.proxy_server
    import uvloop  # noqa: F401

    litellm.token_counter(model="gpt-4o", text="a")  # a second to read its table, and every proxy counts
    gc.freeze()  # forks share what is there, and do not look through it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # an attendant that ended is nobody's zombie
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, MAX_MESSAGE_BYTES, 2)
        if not message:
            return
        if os.fork() == 0:
            requests.close()
            _attend(json.loads(message), log=descriptors[0], report=descriptors[1])
        for descriptor in descriptors:
            os.close(descriptor)


def _attend(wanted: Mapping[str, Any], *, log: int, report: int) -> NoReturn:
    """Start the proxy, tell its process id, and once it has ended its exit status; end it when nobody listens."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    process = os.fork()
    if process == 0:
        os.close(report)
        _enter(wanted, log)
        if Path(wanted["command"][0]).name == "litellm":
            _be_proxy()
        _be_command(Path(wanted["output"]))
    with suppress(BrokenPipeError):
        os.write(report, b"%d\n" % process)
    ended, status = 0, 0
    while not ended:
        if select.select([report], [], [], _LOOK_EVERY_S)[0]:  # nothing is ever said there: the other end is closed
            with suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)
            os._exit(0)
        ended, status = os.waitpid(process, os.WNOHANG)
    with suppress(BrokenPipeError):
        os.write(report, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _enter(wanted: Mapping[str, Any], log: int) -> None:
    """The environment and the folder that are wanted."""
    os.setsid()
    for stream in (sys.stdout, sys.stderr):
        os.dup2(log, stream.fileno())
    os.close(log)
    os.environ.clear()
    os.environ.update(wanted["env"])
    os.chdir(wanted["folder"])
    sys.argv = list(wanted["command"])


def _be_command(output: Path) -> NoReturn:
    """What the command `litellm-plugins` does, with its standard output in a file of its own."""
    with output.open("wb") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
    from litellm_plugins.cli import main

    _run(main)


def _be_proxy() -> NoReturn:
    """What the command `litellm` does."""
    import uvicorn._subprocess
    from litellm import run_server
    from litellm.proxy import proxy_cli

    # It looks after what a database's client leaves behind, and proxies with one are never forks. Workers that are
    # forked while this thread holds a lock, such as that of a module it imports, wait for the lock for ever.
    proxy_cli.start_query_engine_reaper = lambda: None
    # Workers are forks of their supervisor, for the same reason.
    uvicorn._subprocess.spawn = multiprocessing.get_context("fork")  # type: ignore[assignment]
    _run(run_server)


def _run(main: Callable[[], Any]) -> NoReturn:
    """To its end, with its exit status."""
    status: Any = 1
    try:
        status = main()
    except SystemExit as exc:
        status = exc.code
    except BaseException:  # noqa: BLE001 - what the interpreter would do with it
        sys.excepthook(*sys.exc_info())
    # Not by the interpreter's own end: it takes the many modules apart for seconds, and nobody sees a difference.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(status if isinstance(status, int) else int(status is not None))


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
