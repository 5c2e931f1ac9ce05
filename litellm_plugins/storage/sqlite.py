"""The one SQLite file: opened late, shared by every feature, watched for being taken away.

WAL mode with `synchronous=NORMAL`: a killed process loses nothing that was committed, and readers never wait for
the writer. All work runs on two threads of its own (one reads, one writes), never on the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import stat
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from litellm_plugins.errors import StoreUnavailable

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_LOG = logging.getLogger(__name__)
_BUSY_TIMEOUT_S = 2.0
_INODE_CHECK_S = 0.5
_WRITE_BITS = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


class SqliteFile:
    """Runs work on the file's connections, and turns whatever goes wrong into `StoreUnavailable`.

    `schema` is run once per connection that may write; its statements must be idempotent (`IF NOT EXISTS`).
    """

    def __init__(self, path: Path, *, schema: Sequence[str] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._lanes = (_Lane(path, schema, clock, writes=False), _Lane(path, schema, clock, writes=True))

    async def read(self, work: Work[T]) -> T:
        """Run `work` on the reading connection. Raises: StoreUnavailable."""
        return await self._lanes[0].run(work)

    async def write(self, work: Work[T]) -> T:
        """Run `work` in one transaction on the writing connection. Raises: StoreUnavailable."""
        return await self._lanes[1].run(work)

    async def aclose(self) -> None:
        """Close both connections and end their threads."""
        for lane in self._lanes:
            await lane.aclose()


class _Lane:
    """One thread with one connection, reopened when the file under it is gone."""

    def __init__(self, path: Path, schema: Sequence[str], clock: Callable[[], float], *, writes: bool) -> None:
        self._path, self._schema, self._clock, self._writes = path, schema, clock, writes
        name = "litellm-plugins-sqlite-" + ("write" if writes else "read")
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._connection: sqlite3.Connection | None = None
        self._inode: int | None = None
        self._checked_at = float("-inf")
        self._closed = False

    async def run(self, work: Work[T]) -> T:
        if self._closed:
            raise StoreUnavailable("closed", str(self._path))
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._drop)
            self._thread.shutdown(wait=True)

    def _run(self, work: Work[T]) -> T:
        try:
            connection = self._ready()
            with connection:  # one transaction: commit, or roll back on any error
                return work(connection)
        except sqlite3.DatabaseError as exc:
            raise self._translated(exc) from exc
        except OSError as exc:
            self._drop()
            raise StoreUnavailable("store_unreachable", str(exc)) from exc

    def _ready(self) -> sqlite3.Connection:
        self._notice_a_missing_file()
        if self._writes and self._connection is not None and not self._path.stat().st_mode & _WRITE_BITS:
            # An open descriptor would still write, and so would root: the mode says what the owner wants.
            raise StoreUnavailable("store_read_only", str(self._path))
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _notice_a_missing_file(self) -> None:
        # SQLite goes on happily on an unlinked file: answers would be stored into nothing.
        now = self._clock()
        if self._connection is None or (not self._writes and now - self._checked_at < _INODE_CHECK_S):
            return
        self._checked_at = now
        try:
            inode = self._path.stat().st_ino
        except FileNotFoundError:
            inode = None
        if inode != self._inode:
            self._drop()
            raise StoreUnavailable("store_file_gone", str(self._path))

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists() and self._writes and not self._path.stat().st_mode & _WRITE_BITS:
            raise StoreUnavailable("store_read_only", str(self._path))
        read_only = self._path.exists() and not self._path.stat().st_mode & _WRITE_BITS
        if read_only:
            connection = sqlite3.connect(
                f"{self._path.resolve().as_uri()}?mode=ro", uri=True, timeout=_BUSY_TIMEOUT_S, check_same_thread=False
            )
        else:
            connection = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S, check_same_thread=False)
        try:
            if not read_only:
                self._prepare(connection)
            self._inode = self._path.stat().st_ino
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA journal_size_limit=16777216")
        for statement in self._schema:
            connection.execute(statement)
        connection.commit()
        self._path.chmod(0o600 | stat.S_IMODE(self._path.stat().st_mode) & ~0o077)  # prompts are nobody else's business

    def _translated(self, exc: sqlite3.DatabaseError) -> StoreUnavailable:
        text = str(exc)
        if "readonly" in text:
            self._drop()
            return StoreUnavailable("store_read_only", text)
        if "not a database" in text or "malformed" in text:
            self._drop()
            self._set_aside()
            return StoreUnavailable("store_corrupt", text)
        if "locked" in text or "busy" in text:
            return StoreUnavailable("store_busy", text)
        if "full" in text:
            return StoreUnavailable("store_full", text)
        self._drop()
        return StoreUnavailable("store_error", text)

    def _set_aside(self) -> None:
        aside = self._path.with_name(f"{self._path.name}.corrupt-{time.time_ns()}")
        for suffix in ("", "-wal", "-shm"):
            part = self._path.with_name(self._path.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        _LOG.warning("the database file was damaged; it is set aside as %s and a new one is begun", aside)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
