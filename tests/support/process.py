"""A stock LiteLLM proxy as a process: its environment, its start, its end, its log."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import httpx

from tests.support.config import MASTER_KEY, write_config
from tests.support.forked import HostTemplate, Process

_STOP_TIMEOUT_S = 15.0
_READY = "Application startup complete"
# What would lead the proxy out of its folder, or make it another than the config says.
_NOT_INHERITED = ("_PROXY", "_PROXY_URL")
_NOT_INHERITED_FROM = (
    "LITELLM", "OPENAI", "ANTHROPIC", "AZURE", "LANGFUSE", "DATABASE", "REDIS", "PROMETHEUS", "OTEL",
)  # fmt: skip


class ProxyProcess:
    """`litellm --config …` on a free port, in `folder`. A restart keeps both, and so the database."""

    boot_timeout_s = 110.0  # about 15 s alone on two cores, 40 s beside others
    template: ClassVar[HostTemplate | None] = None  # while it is set, proxies are forks of it, where it suits them

    def __init__(
        self,
        config: Mapping[str, Any],
        folder: Path,
        *,
        provider_url: str,
        num_workers: int = 1,
        env: Mapping[str, str] | None = None,
        forked: bool = True,
    ) -> None:
        """With `forked` off it is started by the installed command in any case."""
        self.folder = folder
        self.config_path = write_config(folder, config)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.master_key = MASTER_KEY
        self.num_workers = num_workers
        self._env = proxy_env(provider_url, folder, num_workers=num_workers, extra=env or {})
        self._log_path = folder / "proxy.log"
        self._log_offset = 0  # where the log of this start begins
        self._template = self.template if forked and self.template and self.template.suits(self._env) else None
        self._process: Process | None = None

    def start(self) -> None:
        """Return once every worker serves. Raises: AssertionError with the log's tail where it does not."""
        self.spawn()
        deadline = time.monotonic() + self.boot_timeout_s
        while not self._is_ready():
            if self._process is None or self._process.poll() is not None:
                raise AssertionError(f"the proxy ended while it started:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the proxy was not ready after {self.boot_timeout_s:g} s:\n{self.log_tail()}")
            time.sleep(0.1)

    def spawn(self) -> Process:
        """Start it without waiting: for a proxy that must not start."""
        command = [
            str(Path(sys.executable).parent / "litellm"), "--config", str(self.config_path),
            "--host", "127.0.0.1", "--port", str(self.port),
        ]  # fmt: skip
        if self.num_workers > 1:  # by default a worker that takes longer than 5 s to import its modules is shot
            command += ["--num_workers", str(self.num_workers), "--timeout_worker_healthcheck", "60"]
        self._log_offset = self._log_path.stat().st_size if self._log_path.exists() else 0
        with self._log_path.open("ab") as log:
            if self._template is not None:
                self._process = self._template.fork(command, self.folder, self._env, log.fileno())
            else:
                self._process = subprocess.Popen(
                    command, cwd=self.folder, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True,
                )  # fmt: skip
        return self._process

    def expect_refusal(self) -> None:
        """Start it, and see that it stops by itself with an error: `log` says which. Raises: AssertionError."""
        try:
            assert self.spawn().wait(timeout=90) != 0
        finally:
            self.kill()
            self.close()

    def kill(self) -> None:
        """SIGKILL for the whole process group: nothing gets to tidy up."""
        self._end(signal.SIGKILL)

    def stop(self) -> int | None:
        """SIGTERM, then SIGKILL for what does not heed it; the exit status. None where it does not run."""
        return self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Stop it, if it runs, and start it again."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Let go of everything."""
        self.stop()

    @property
    def process_group(self) -> int:
        """The group that the proxy and all its workers run in."""
        assert self._process is not None, "it was not started"
        return self._process.pid

    def log(self) -> str:
        """Everything that it wrote since its last start."""
        if not self._log_path.exists():
            return ""
        return self._log_path.read_bytes()[self._log_offset :].decode(errors="replace")

    def log_tail(self, lines: int = 40) -> str:
        """The end of that."""
        return "\n".join(self.log().splitlines()[-lines:])

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _is_ready(self) -> bool:
        if self.log().count(_READY) < self.num_workers:
            return False
        try:
            return httpx.get(f"{self.url}/health/readiness", trust_env=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _end(self, first: signal.Signals) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        for sign in (first, signal.SIGKILL):
            try:
                os.killpg(process.pid, sign)
            except ProcessLookupError:
                break
            if _gone(process, _STOP_TIMEOUT_S):
                break
        return process.wait()


def proxy_env(
    provider_url: str, folder: Path, *, num_workers: int = 1, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment of a proxy: this process's without what would lead it astray."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().endswith(_NOT_INHERITED) and not name.upper().startswith(_NOT_INHERITED_FROM)
    }
    ours = {
        "LITELLM_MASTER_KEY": MASTER_KEY,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # nothing is downloaded at boot
        "OPENAI_API_KEY": "x",
        "OPENAI_BASE_URL": f"{provider_url}/v1",
        "OPENAI_API_BASE": f"{provider_url}/v1",
        "PYTHONFAULTHANDLER": "1",  # a crash of the interpreter says where
        "PYTHONUNBUFFERED": "1",
    }
    if num_workers > 1:  # the default folder is shared by all proxies of a machine, and wiped at boot
        shared = folder / "prometheus"
        shared.mkdir(parents=True, exist_ok=True)
        ours["PROMETHEUS_MULTIPROC_DIR"] = str(shared)
    return {**kept, **ours, **(extra or {})}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _gone(process: Process, timeout_s: float) -> bool:
    """Whether every process of the group has ended in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        process.poll()
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
