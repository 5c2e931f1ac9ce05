"""A real Postgres with LiteLLM's tables: a server of its own for each test run, no Docker needed.

The programs are those of the wheel `pgserver` (PostgreSQL 16, in the dev lock), else the machine's own. LiteLLM's
migrations take a while, so they run once per machine: what they leave is packed, and each server starts from a copy.
For tests only: whoever is on this machine may log in, and nothing is synced to disk.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Self

import psycopg

from tests.support.cache_folder import cache_folder, only_one
from tests.support.process import free_port
from tests.support.waiting import eventually

_TEMPLATE = "litellm"  # the database that has the tables, and that others are copies of
_OPTIONS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300")
_LAYOUT = 1  # of the packed data; another number has it made anew
_STOP_TIMEOUT_S = 10.0


class PostgresMissing(Exception):
    """This machine cannot run the server; the message says what it lacks."""


class PostgresServer:
    """`postgres` on a free port of 127.0.0.1, in a temporary folder that is gone when it stops."""

    def __init__(self) -> None:
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="litellm-plugins-postgres-"))
        self._programs = _reachable(_programs(), self._folder)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return once it answers, with LiteLLM's tables in it. Raises: PostgresMissing."""
        packed = _packed()
        with only_one(packed.name):
            if packed.exists():
                with tarfile.open(packed) as archive:
                    archive.extractall(self._folder, filter="data")
                self._own()
                self._serve()
                return
            self._initialise()
            self._serve()
            self._migrate()
            self.stop(keep=True)
            self._pack(packed)
            self._serve()

    def database(self, name: str) -> str:
        """A new database with LiteLLM's tables; what `DATABASE_URL` is set to."""
        self.run(f'CREATE DATABASE "{name}" TEMPLATE {_TEMPLATE}', database="postgres")
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def run(self, sql: str, *, database: str) -> list[tuple[Any, ...]]:
        """Run one statement; its rows."""
        with self._connect(database) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def stop(self, *, keep: bool = False) -> None:
        """Its fast shutdown, which ends every session; SIGKILL if it takes too long. `keep` leaves the folder."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if not keep:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _initialise(self) -> None:
        self._own()
        command = [str(self._programs / "initdb"), "--pgdata", str(self._data), "--username", "postgres"]
        command += ["--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync", "--wal-segsize", "1"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, **_identity())
        if done.returncode:
            raise PostgresMissing(f"initdb failed: {done.stderr.strip()[-300:]}")

    def _serve(self) -> None:
        command = [str(self._programs / "postgres"), "-D", str(self._data), "-h", "127.0.0.1", "-p", str(self.port)]
        command += ["-k", ""]  # no socket file
        for option in _OPTIONS:
            command += ["-c", option]
        with (self._folder / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                **_identity(),
            )  # fmt: skip
        eventually(self._answers, what="postgres to answer", timeout_s=30)

    def _migrate(self) -> None:
        self.run(f"CREATE DATABASE {_TEMPLATE}", database="postgres")
        command = [str(self._programs / "psql"), "--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1"]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--username", "postgres", "--dbname", _TEMPLATE]
        for migration in _migrations():
            command += ["--file", str(migration)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
        assert done.returncode == 0, f"LiteLLM's migrations failed: {done.stderr.strip()[-500:]}"

    def _pack(self, into: Path) -> None:
        unfinished = into.with_suffix(f".{os.getpid()}")
        with tarfile.open(unfinished, "w:gz", compresslevel=1) as archive:
            archive.add(self._data, arcname=self._data.name)
        unfinished.rename(into)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _own(self) -> None:
        """Hand the folder to whom the server runs as; it accepts no data that others may read."""
        self._data.mkdir(exist_ok=True)
        self._data.chmod(0o700)
        identity = _identity()
        if identity:
            for path in (self._folder, self._data, *self._data.rglob("*")):
                os.chown(path, identity["user"], identity["group"])

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            said = (self._folder / "postgres.log").read_text(encoding="utf-8", errors="replace")
            raise AssertionError(f"postgres ended while it started:\n{said[-2_000:]}")
        try:
            return bool(self.run("SELECT 1", database="postgres"))
        except psycopg.OperationalError:
            return False

    def _connect(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname=database, autocommit=True, connect_timeout=10
        )


def why_no_postgres() -> str | None:
    """What this machine lacks to run the server; None where it lacks nothing."""
    try:
        _programs()
    except PostgresMissing as exc:
        return str(exc)
    return None


def _programs() -> Path:
    """The folder that initdb, postgres and psql are in."""
    found = importlib.util.find_spec("pgserver")
    wheel = found.submodule_search_locations if found else None
    candidates = [Path(wheel[0]) / "pginstall/bin"] if wheel else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True)
    on_path = shutil.which("postgres")
    candidates += [Path(on_path).resolve().parent] if on_path else []
    for folder in candidates:
        if all((folder / program).exists() for program in ("initdb", "postgres", "psql")):
            return folder
    raise PostgresMissing("no Postgres: neither pgserver (it is in requirements/dev.lock) nor one of the machine's own")


def _reachable(programs: Path, folder: Path) -> Path:
    """The same, or a copy in `folder` where the user that the server runs as may not go."""
    if not _identity() or all(above.stat().st_mode & 0o001 for above in programs.parents):
        return programs
    folder.chmod(0o755)
    shutil.copytree(programs.parent, folder / "pginstall", symlinks=True)
    return folder / "pginstall" / "bin"


def _identity() -> dict[str, Any]:
    """Whom the server runs as: Postgres refuses to run as root, so there as nobody."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}


def _migrations() -> list[Path]:
    found = importlib.util.find_spec("litellm_proxy_extras")
    assert found is not None, "it comes with litellm[proxy]"
    assert found.submodule_search_locations, "it is a package"
    migrations = sorted(Path(found.submodule_search_locations[0]).glob("migrations/*/migration.sql"))
    assert migrations, "litellm_proxy_extras has no migrations any more where they used to be"
    return migrations


def _packed() -> Path:
    """Where a cluster with these migrations lies, or will."""
    said = subprocess.run([_programs() / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    digest = hashlib.sha256(f"{_LAYOUT} {said}".encode())
    for migration in _migrations():
        digest.update(migration.read_bytes())
    version = "".join(re.findall(r"\d+", said)[:1])
    return cache_folder() / f"postgres{version}-litellm-{digest.hexdigest()[:16]}.tar.gz"
