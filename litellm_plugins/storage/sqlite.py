"""The one SQLite file: opened late, shared by every feature, watched for being taken away.

WAL mode with `synchronous=NORMAL`: a killed process loses nothing that was committed, and readers never wait for
the writer. All work runs on threads of its own (one reads, one writes, one scans), never on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import random
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.storage.migrations import Migration, check, in_order, migrate

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_LOG = logging.getLogger(__name__)
_BUSY_TIMEOUT_S = 2.0
_INODE_CHECK_S = 0.5
_OWNER_ONLY = 0o600
_SUFFIXES = ("", "-wal", "-shm")
_WRITE_BITS = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


class SqliteFile:
    """Runs work on the file's connections, and turns whatever goes wrong into `StoreUnavailable`.

    `schema` is every change that the file may need (see `storage.migrations`); whoever opens it first runs them.
    A damaged file is set aside and a new one begun, unless not `begins_anew`: then it stays, for somebody to decide.
    """

    def __init__(
        self,
        path: Path,
        *,
        schema: Iterable[Migration] = (),
        begins_anew: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        opening, changes, lanes = _Opening(), in_order(schema), ("read", "write", "scan")
        self._lanes = tuple(_Lane(path, changes, clock, opening, name=name, begins_anew=begins_anew) for name in lanes)

    async def read(self, work: Work[T]) -> T:
        """Run `work` on the reading connection. Raises: StoreUnavailable."""
        return await self._lanes[0].run(work)

    async def write(self, work: Work[T], *, atomic: bool = True) -> T:
        """Run `work` on the writing connection, in one transaction unless not `atomic`: then each statement commits.

        Raises: StoreUnavailable.
        """
        return await self._lanes[1].run(_in_transaction(work) if atomic else work)

    async def scan(self, work: Work[T]) -> T:
        """Run `work`, which may take long, where no look-up waits behind it. Raises: StoreUnavailable."""
        return await self._lanes[2].run(work)

    def write_later(self, work: Work[object]) -> None:
        """Queue `work` behind the writes before it, and wait for nothing: for what may as well be lost."""
        self._lanes[1].queue(work)

    async def aclose(self) -> None:
        """Close the connections and end their threads."""
        for lane in self._lanes:
            await lane.aclose()


class _Opening:
    """What the lanes of one file share: one at a time creates and opens it. `is_first`: none of them has yet."""

    def __init__(self) -> None:
        self.lock, self.is_first = threading.Lock(), True


class _Lane:
    """One thread with one connection, reopened when the file under it is gone."""

    def __init__(
        self,
        path: Path,
        schema: tuple[Migration, ...],
        clock: Callable[[], float],
        opening: _Opening,
        *,
        name: str,
        begins_anew: bool,
    ) -> None:
        self._path, self._schema, self._clock, self._writes = path, schema, clock, name == "write"
        self._begins_anew = begins_anew
        self._opening = opening
        self._log_path = path.with_name(path.name + "-wal")
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"litellm-plugins-sqlite-{name}")
        self._connection: sqlite3.Connection | None = None
        self._inode: int | None = None
        self._log_inode: int | None = None
        self._checked_at = float("-inf")
        self._closed = False

    async def run(self, work: Work[T]) -> T:
        if self._closed:
            raise StoreUnavailable("closed", str(self._path))
        # A future of the loop's own, since `run_in_executor` would chain two, under a lock, for every look-up.
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._thread.submit(self._run_for, loop, future, work)
        return await future

    def queue(self, work: Work[object]) -> None:
        if not self._closed:
            self._thread.submit(self._run, work)  # what it raises stays in the future that nobody keeps

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._drop)
            self._thread.shutdown(wait=True)

    def _run_for(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], work: Work[T]) -> None:
        if future.done():  # the asker gave up while it waited
            return
        try:
            settle = partial(_give, future, self._run(work))
        except BaseException as exc:  # noqa: BLE001 - it is the asker's
            settle = partial(_fail, future, exc)
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(settle)

    def _run(self, work: Work[T]) -> T:
        try:
            connection = self._ready()
            with connection:  # an open transaction is committed, or rolled back on any error
                return work(connection)
        except sqlite3.DatabaseError as exc:
            raise self._translated(exc) from exc
        except OSError as exc:
            self._drop()
            raise StoreUnavailable("store_unreachable", str(exc)) from exc

    def _ready(self) -> sqlite3.Connection:
        status = self._notice_a_missing_file()
        if self._writes and status is not None and not status.st_mode & _WRITE_BITS:
            # An open descriptor would still write, and so would root: the mode says what the owner wants.
            raise StoreUnavailable("store_read_only", str(self._path))
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _notice_a_missing_file(self) -> os.stat_result | None:
        """The open file as it lies there; None where nothing is open, or it was looked at just now."""
        # SQLite goes on happily on an unlinked file: answers would be stored into nothing.
        now = self._clock()
        if self._connection is None or (not self._writes and now - self._checked_at < _INODE_CHECK_S):
            return None
        self._checked_at = now
        status, log = _status(self._path), _status(self._log_path)
        log_inode = log and log.st_ino
        if not status or status.st_ino != self._inode or (self._log_inode is not None and log_inode != self._log_inode):
            self._drop()
            raise StoreUnavailable("store_file_gone", str(self._path))
        self._log_inode = log_inode
        return status

    def _open(self) -> sqlite3.Connection:
        with self._opening.lock:
            self._create_private()
            status = self._path.stat()
            self._opening.is_first = False
            self._inode = status.st_ino  # before anything is read: what turns out damaged is set aside by it
            writable = bool(status.st_mode & _WRITE_BITS)
            if self._writes and not writable:
                raise StoreUnavailable("store_read_only", str(self._path))
            url = f"{self._path.resolve().as_uri()}?mode={'rw' if writable else 'ro'}"
            connection = sqlite3.connect(
                url, uri=True, timeout=_BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None
            )
            try:
                check(connection, self._schema, writable=writable)
                if writable:
                    self._keep_private()
                    self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        log = _status(self._log_path)
        self._log_inode = log and log.st_ino
        return connection

    def _create_private(self) -> None:
        # Only where there is no file yet: closing any descriptor of a database that is open elsewhere in this process
        # would drop SQLite's locks on it (POSIX locks belong to the process).
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as held, contextlib.suppress(FileExistsError):
            # At a start others may have opened it by now: then nothing is of an old one.
            is_again = not self._opening.is_first
            if is_again and (self._inode is not None or not self._path.exists()):
                with contextlib.suppress(OSError):  # where no lock can be made, no database can, either
                    held.enter_context(_alone(self._path))
            os.close(os.open(self._path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY))
            if is_again:
                self._unlink_leftovers()
            if not self._begins_anew:
                _LOG.warning("%s is new, and begins from nothing", self._path)

    def _unlink_leftovers(self) -> None:
        # Of a database that somebody deleted while it was open, its index in shared memory among them. SQLite would
        # take that for the new one's and cut it to nothing, since a process does not see its own locks; and who goes on
        # for a moment with the old database, in another thread, would reach beyond its end (SIGBUS: the proxy dies).
        for suffix in _SUFFIXES:
            if suffix:
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _keep_private(self) -> None:
        # Prompts are nobody else's business. SQLite gives its log files the mode that the database has by then.
        for suffix in _SUFFIXES:
            part = self._path.with_name(self._path.name + suffix)
            if part.exists() and part.stat().st_mode & 0o077:
                part.chmod(stat.S_IMODE(part.stat().st_mode) & 0o700)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        _switch_to_wal(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA journal_size_limit=16777216")
        connection.execute("PRAGMA recursive_triggers=ON")  # else what a REPLACE takes away fires no trigger
        migrate(connection, self._schema)

    def _translated(self, exc: sqlite3.DatabaseError) -> StoreUnavailable:
        text = str(exc).partition(" with text ")[0]  # which may be a prompt
        if "readonly" in text:
            self._drop()
            return StoreUnavailable("store_read_only", text)
        if "not a database" in text or "malformed" in text:
            self._drop()
            if not self._begins_anew:
                said = f"{text}; restore {self._path} from a backup, or move it away to begin from nothing"
                return StoreUnavailable("store_corrupt", said)
            self._set_aside()
            return StoreUnavailable("store_corrupt", text)
        if "locked" in text or "busy" in text:
            return StoreUnavailable("store_busy", text)
        if "full" in text:
            return StoreUnavailable("store_full", text)
        self._drop()
        return StoreUnavailable("store_error", text)

    def _set_aside(self) -> None:
        """Move the damaged file away, unless somebody else, in this process or another, already did."""
        with _alone(self._path):
            if not self._path.exists() or self._path.stat().st_ino != self._inode:
                return
            aside = f"{self._path.name}.corrupt-{time.time_ns()}"
            for suffix in _SUFFIXES:
                part = self._path.with_name(self._path.name + suffix)
                if part.exists():
                    part.rename(self._path.with_name(aside + suffix))
        _LOG.warning("the database file was damaged; it is set aside as %s and a new one is begun", aside)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _give(future: asyncio.Future[T], result: T) -> None:
    if not future.done():  # else the asker gave up
        future.set_result(result)


def _fail(future: asyncio.Future[T], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _in_transaction(work: Work[T]) -> Work[T]:
    def begun(connection: sqlite3.Connection) -> T:
        _begin(connection)
        return work(connection)

    return begun


def _begin(connection: sqlite3.Connection) -> None:
    # SQLite waits for a lock in steps of up to 100 ms, hundreds of our transactions: among several busy workers one
    # would wait for seconds while the others pass it by.
    give_up_at = time.monotonic() + _BUSY_TIMEOUT_S
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as exc:
                if "locked" not in str(exc) or time.monotonic() > give_up_at:
                    raise
            time.sleep(random.uniform(0.0002, 0.002))  # noqa: S311 - only so that they do not stay in step
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(_BUSY_TIMEOUT_S * 1_000)}")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    # Two that open a new file at the same moment both read it first, and SQLite then refuses one of them at once,
    # without its busy timeout. Once the other is through, there is nothing left to switch.
    give_up_at = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as exc:
            if "locked" not in str(exc) or time.monotonic() > give_up_at:
                raise
        time.sleep(random.uniform(0.001, 0.01))  # noqa: S311 - only so that they do not stay in step


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """No other worker does what it does so meanwhile."""
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _status(path: Path) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - on the way of every request, and half the time of Path.stat
    except FileNotFoundError:
        return None
