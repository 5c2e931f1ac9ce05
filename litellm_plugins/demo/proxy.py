"""The stock proxy as a process: started on a config, waited for, and gone afterwards with its children."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

from litellm_plugins.demo.failure import DemoFailed

_HOST = "127.0.0.1"
_BOOT_TIMEOUT_S = 180.0
_STOP_TIMEOUT_S = 8.0
_POLL_S = 0.2
_TAIL_LINES = 25
# All else stays behind: a provider's key, a database or a Langfuse account in the environment must not be used.
_PASSED_ON = (
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "SYSTEMROOT",
    "TMPDIR",
    "TZ",
    "USER",
    "VIRTUAL_ENV",
)


class Proxy:
    """`with Proxy(config, ...) as proxy: proxy.wait_until_ready(); ... proxy.url`.

    Its config and its log lie in `folder`, which is also its working directory.
    """

    def __init__(self, config: Mapping[str, Any], *, folder: Path, provider_url: str, provider_key: str) -> None:
        self._config = config
        self._folder = folder
        self._provider = {"OPENAI_BASE_URL": f"{provider_url}/v1", "OPENAI_API_KEY": provider_key}
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def ending(self) -> str:
        """How it ended: "exit status 1", "SIGSEGV"; "" while it runs."""
        status = None if self._process is None else self._process.poll()
        if status is None:
            return ""
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"

    @property
    def log(self) -> Path:
        return self._folder / "proxy.log"

    def start(self) -> None:
        """Raises: DemoFailed, where LiteLLM is not installed."""
        binary = Path(sys.executable).parent / "litellm"
        if not binary.exists():
            raise DemoFailed(f"{binary} is not there; run `make setup`")
        path = self._folder / "proxy_config.yaml"
        path.write_text(yaml.safe_dump(dict(self._config), sort_keys=False), encoding="utf-8")
        port = _free_port()
        command = [str(binary), "--config", str(path), "--host", _HOST, "--port", str(port)]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the host's own command, no shell
                command,
                cwd=self._folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # its own process group, so that `stop` reaches its children too
            )
        self.url = f"http://{_HOST}:{port}"

    def wait_until_ready(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Returns once it answers. Raises: DemoFailed, with the end of its log, where it died or was too slow."""
        deadline = clock() + _BOOT_TIMEOUT_S
        with httpx.Client(trust_env=False, timeout=2.0) as client:
            while clock() < deadline:
                if not self.running:
                    raise DemoFailed(
                        f"the proxy ended while it started ({self.ending}). The end of its log:\n\n{self.tail()}"
                    )
                with suppress(httpx.TransportError):
                    if client.get(f"{self.url}/health/readiness").is_success:
                        return
                time.sleep(_POLL_S)
        raise DemoFailed(f"the proxy did not start in {_BOOT_TIMEOUT_S:g} s. The end of its log:\n\n{self.tail()}")

    def tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-_TAIL_LINES:])

    def stop(self) -> None:
        """Ends the whole process group: politely first, and in any case."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            _signal_group(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_TIMEOUT_S)
        finally:
            _signal_group(process.pid, signal.SIGKILL)  # children that outlived it, or itself
            process.wait()

    def _environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return (
            inherited
            | self._provider
            | {
                "LITELLM_MASTER_KEY": "sk-" + secrets.token_urlsafe(32),
                "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # no download at boot
                "LITELLM_MODE": "PRODUCTION",  # else the host reads .env, and with it real keys
                "NO_COLOR": "1",
                "PYTHONFAULTHANDLER": "1",  # a crash of the interpreter says where
                "PYTHONUNBUFFERED": "1",
            }
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        os.killpg(group, number)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((_HOST, 0))
        port: int = listener.getsockname()[1]
    return port
