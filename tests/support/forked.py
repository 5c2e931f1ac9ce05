"""Proxies as forks of one process that has LiteLLM imported (host_template.py)."""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self

# LiteLLM, or Python itself, reads these while it is imported: who changes one needs an import of its own.
_READ_ON_IMPORT = (
    "PYTHON", "LITELLM", "PROMETHEUS_URL", "DATABASE", "DOCS", "PROXY_BASE", "SERVER_ROOT", "OTEL_TRACER",
)  # fmt: skip


class Process(Protocol):
    """What a proxy needs of `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...


class ForkedProcess:
    """One such proxy. It leads a session, and so a process group, of its own."""

    def __init__(self, report: socket.socket) -> None:
        self._report = report
        self._lines = report.makefile("r")
        self._status: int | None = None
        try:
            self.pid = int(self._lines.readline())
        except BaseException:  # the test ran out of time: without a reader the proxy is ended at once
            self._close()
            raise

    def poll(self) -> int | None:
        """Its exit status (a signal's number as a negative one); None while it runs."""
        if self._status is None and select.select([self._report], [], [], 0)[0]:
            self._end()
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        """The same, once it has ended. Raises: TimeoutError where it has not in time."""
        if self._status is None:
            if not select.select([self._report], [], [], timeout)[0]:
                raise TimeoutError(f"process {self.pid} still runs after {timeout:g} s")
            self._end()
        assert self._status is not None
        return self._status

    def _end(self) -> None:
        self._status = int(self._lines.readline())
        self._close()

    def _close(self) -> None:
        self._lines.close()
        self._report.close()


class HostTemplate:
    """Where they come from. It ends with this process, whatever ends that."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = dict(env)
        self._template: subprocess.Popen[bytes] | None = None
        self._requests: socket.socket | None = None

    def suits(self, env: Mapping[str, str]) -> bool:
        """Whether a proxy with this environment may be a fork of it."""
        return all(
            env.get(name) == self._env.get(name) for name in {*env, *self._env} if name.startswith(_READ_ON_IMPORT)
        )

    def fork(
        self, command: Sequence[str], folder: Path, env: Mapping[str, str], log: int, *, output: Path | None = None
    ) -> ForkedProcess:
        """Returns once it has a process id, which for the first takes as long as the import.

        `command` is `litellm`, or `litellm-plugins`, whose standard output goes to the file `output`.
        """
        requests = self.start()
        ours, theirs = socket.socketpair()
        wanted = {"command": list(command), "folder": str(folder), "env": dict(env), "output": str(output)}
        with theirs:
            socket.send_fds(requests, [json.dumps(wanted).encode()], [log, theirs.fileno()])
        return ForkedProcess(ours)

    def start(self) -> socket.socket:
        """Let it import, in the background."""
        if self._requests is None:
            self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            script = Path(__file__).with_name("host_template.py")
            with theirs:
                self._template = subprocess.Popen(
                    [sys.executable, "-P", str(script), str(theirs.fileno())],
                    env=self._env, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                )  # fmt: skip
        return self._requests

    def close(self) -> None:
        """Let it end; the proxies that came from it run on."""
        if self._requests is not None and self._template is not None:
            self._requests.close()
            self._template.kill()
            self._template.wait()
            self._requests = self._template = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
