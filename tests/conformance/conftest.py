"""The backends of each protocol, in one table: a new one gets its line here and no test of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from litellm_plugins.admission.backends import redis as redis_flights
from litellm_plugins.admission.backends import sqlite as sqlite_flights
from litellm_plugins.admission.flights import FlightStore
from litellm_plugins.cache.admin.audit import Journal
from litellm_plugins.cache.backends import redis as redis_cache
from litellm_plugins.cache.backends import (
    redis_checks,
    redis_journal,
    redis_judge,
    redis_labels,
    redis_pairs,
    redis_spaces,
    sqlite_checks,
    sqlite_journal,
    sqlite_judge,
    sqlite_labels,
    sqlite_pairs,
    sqlite_spaces,
)
from litellm_plugins.cache.backends import sqlite as sqlite_cache
from litellm_plugins.cache.backends.encrypted import EncryptedStore
from litellm_plugins.cache.backends.encrypted_spaces import EncryptedSpaces
from litellm_plugins.cache.backends.redis_fields import Names
from litellm_plugins.cache.checks import CheckStore
from litellm_plugins.cache.judge import JudgeSpend
from litellm_plugins.cache.pairs import PairStore
from litellm_plugins.cache.spaces import SpaceStore
from litellm_plugins.cache.store import CacheStore
from litellm_plugins.cache.verifier.labels import LabelStore
from litellm_plugins.review.backends import redis as redis_feedback
from litellm_plugins.review.backends import redis_items, sqlite_items
from litellm_plugins.review.backends import sqlite as sqlite_feedback
from litellm_plugins.review.feedback import FeedbackStore
from litellm_plugins.review.sealed import SealedItems
from litellm_plugins.review.store import ItemStore
from litellm_plugins.storage import redis as redis_storage
from litellm_plugins.storage.sqlite import SqliteFile
from litellm_plugins.storage.vault import Vault
from tests.conformance.entries import NOW
from tests.support.fixtures import redis_server
from tests.support.ledger_fixtures import ledger, ledger_url, open_ledger
from tests.support.outboxes import open_outbox, outbox
from tests.support.prompt_stores import open_prompt_store
from tests.support.redis_server import RedisServer
from tests.support.usage_stores import open_usage, usage

__all__ = [
    "ledger",
    "ledger_url",
    "open_ledger",
    "open_outbox",
    "open_prompt_store",
    "open_usage",
    "outbox",
    "redis_server",
    "usage",
]

Closer = Callable[[], Awaitable[None]]
_ENTRIES = (*sqlite_cache.SCHEMA, *sqlite_spaces.SCHEMA)
_KEYS = [b"k" * 32]


class Clock:
    """A time that only a test moves."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Backend(Protocol):
    """One kind of store, empty at first. Each store it opens is another worker's view of the same entries."""

    clock: Clock

    def open(self) -> CacheStore: ...

    def open_spaces(self) -> tuple[SpaceStore, Closer]:
        """The same entries, to be moved to another embedding space."""
        ...

    def open_others(self) -> tuple[Journal, LabelStore, Closer]:
        """What is kept beside the entries."""
        ...

    def open_checks(self) -> tuple[CheckStore, Closer]:
        """The hits that were answered afresh."""
        ...

    def open_judge_spend(self) -> tuple[JudgeSpend, Closer]:
        """What the judge of answers cost."""
        ...

    def open_flights(self) -> tuple[FlightStore, Closer]:
        """Requests that are under way."""
        ...

    def open_feedback(self, **bounds: Any) -> tuple[FeedbackStore, Closer]:
        """What people made of their answers."""
        ...

    def open_pairs(self, *, most: int) -> tuple[PairStore, Closer]:
        """Pairs that people have judged."""
        ...

    def open_items(self, *, max_items: int) -> tuple[ItemStore, Closer]:
        """Answers to be judged."""
        ...

    def emptied(self, name: str) -> Backend:
        """Another backend of the same kind, where nothing was ever opened."""
        ...


class SqliteBackend:
    """One file in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "cache.db"
        self.clock = Clock(NOW)

    def open(self) -> CacheStore:
        file = SqliteFile(self._path, schema=_ENTRIES)
        return sqlite_cache.SqliteCacheStore(file, max_bytes=50_000_000, clock=self.clock)

    def open_spaces(self) -> tuple[SpaceStore, Closer]:
        file = SqliteFile(self._path, schema=_ENTRIES)
        return sqlite_spaces.SqliteSpaces(file, clock=self.clock), file.aclose

    def open_others(self) -> tuple[Journal, LabelStore, Closer]:
        schema = (*_ENTRIES, *sqlite_journal.SCHEMA, *sqlite_labels.SCHEMA)
        file = SqliteFile(self._path, schema=schema)
        return sqlite_journal.SqliteJournal(file), sqlite_labels.SqliteLabelStore(file), file.aclose

    def open_checks(self) -> tuple[CheckStore, Closer]:
        file = SqliteFile(self._path, schema=sqlite_checks.SCHEMA)
        return sqlite_checks.SqliteCheckStore(file), file.aclose

    def open_judge_spend(self) -> tuple[JudgeSpend, Closer]:
        file = SqliteFile(self._path, schema=sqlite_judge.SCHEMA)
        return sqlite_judge.SqliteJudgeSpend(file), file.aclose

    def open_flights(self) -> tuple[FlightStore, Closer]:
        file = SqliteFile(self._path, schema=sqlite_flights.SCHEMA)
        return sqlite_flights.SqliteFlights(file), file.aclose

    def open_feedback(self, **bounds: Any) -> tuple[FeedbackStore, Closer]:
        file = SqliteFile(self._path, schema=sqlite_feedback.SCHEMA)
        return sqlite_feedback.SqliteFeedback(file, clock=self.clock, **bounds), file.aclose

    def open_pairs(self, *, most: int) -> tuple[PairStore, Closer]:
        file = SqliteFile(self._path, schema=sqlite_pairs.SCHEMA)
        return sqlite_pairs.SqlitePairs(file, most=most, clock=self.clock), file.aclose

    def open_items(self, *, max_items: int) -> tuple[ItemStore, Closer]:
        file = SqliteFile(self._path, schema=sqlite_items.SCHEMA)
        return sqlite_items.SqliteItems(file, max_items=max_items), file.aclose

    def emptied(self, name: str) -> SqliteBackend:
        return SqliteBackend(self._folder / name)


class EncryptedBackend(SqliteBackend):
    """The same file, its texts encrypted."""

    def open(self) -> CacheStore:
        return EncryptedStore(super().open(), _KEYS)

    def open_spaces(self) -> tuple[SpaceStore, Closer]:
        spaces, close = super().open_spaces()
        return EncryptedSpaces(spaces, EncryptedStore(super().open(), _KEYS)), close

    def open_items(self, *, max_items: int) -> tuple[ItemStore, Closer]:
        items, close = super().open_items(max_items=max_items)
        return SealedItems(items, Vault(_KEYS)), close

    def emptied(self, name: str) -> EncryptedBackend:
        return EncryptedBackend(self._folder / name)


class RedisBackend:
    """Keys of its own on the run's one server."""

    def __init__(self, server: RedisServer, prefix: str) -> None:
        self._server, self._prefix = server, prefix
        self.clock = Clock(NOW)

    def open(self) -> CacheStore:
        return redis_cache.RedisCacheStore(self._connection(), Names(self._prefix), clock=self.clock)

    def open_spaces(self) -> tuple[SpaceStore, Closer]:
        connection = self._connection()
        return redis_spaces.RedisSpaces(connection, Names(self._prefix), clock=self.clock), connection.aclose

    def open_others(self) -> tuple[Journal, LabelStore, Closer]:
        connection, names = self._connection(), Names(self._prefix)
        labels = redis_labels.RedisLabelStore(connection, names)
        return redis_journal.RedisJournal(connection, names), labels, connection.aclose

    def open_checks(self) -> tuple[CheckStore, Closer]:
        connection = self._connection()
        return redis_checks.RedisCheckStore(connection, Names(self._prefix)), connection.aclose

    def open_judge_spend(self) -> tuple[JudgeSpend, Closer]:
        connection = self._connection()
        return redis_judge.RedisJudgeSpend(connection, Names(self._prefix)), connection.aclose

    def open_flights(self) -> tuple[FlightStore, Closer]:
        connection = self._connection()
        return redis_flights.RedisFlights(connection, self._prefix), connection.aclose

    def open_feedback(self, **bounds: Any) -> tuple[FeedbackStore, Closer]:
        connection = self._connection()
        feedback = redis_feedback.RedisFeedback(connection, self._prefix, clock=self.clock, **bounds)
        return feedback, connection.aclose

    def open_pairs(self, *, most: int) -> tuple[PairStore, Closer]:
        connection = self._connection()
        return redis_pairs.RedisPairs(connection, Names(self._prefix), most=most, clock=self.clock), connection.aclose

    def open_items(self, *, max_items: int) -> tuple[ItemStore, Closer]:
        connection = self._connection()
        return redis_items.RedisItems(connection, self._prefix, max_items=max_items), connection.aclose

    def emptied(self, name: str) -> RedisBackend:
        return RedisBackend(self._server, f"{self._prefix}-{name}")

    def _connection(self) -> redis_storage.RedisServer:
        # As patient as the shared machine needs: these cases are about answers, not about time.
        return redis_storage.RedisServer(self._server.url, timeout_s=30, max_connections=64)


class EncryptedRedisBackend(RedisBackend):
    """The same keys, their texts encrypted."""

    def open(self) -> CacheStore:
        return EncryptedStore(super().open(), _KEYS)

    def open_spaces(self) -> tuple[SpaceStore, Closer]:
        spaces, close = super().open_spaces()
        return EncryptedSpaces(spaces, EncryptedStore(super().open(), _KEYS)), close

    def open_items(self, *, max_items: int) -> tuple[ItemStore, Closer]:
        items, close = super().open_items(max_items=max_items)
        return SealedItems(items, Vault(_KEYS)), close

    def emptied(self, name: str) -> EncryptedRedisBackend:
        return EncryptedRedisBackend(self._server, f"{self._prefix}-{name}")


Maker = Callable[[pytest.FixtureRequest, Path], Backend]


def _in_folder(kind: type[SqliteBackend]) -> Maker:
    return lambda _, folder: kind(folder)


def _on_server(kind: type[RedisBackend]) -> Maker:
    def make(request: pytest.FixtureRequest, _: Path) -> Backend:
        server: RedisServer = request.getfixturevalue("redis_server")
        server.call("FLUSHALL")
        return kind(server, "conformance")

    return make


BACKENDS: dict[str, Maker] = {
    "sqlite": _in_folder(SqliteBackend),
    "encrypted": _in_folder(EncryptedBackend),
    "redis": _on_server(RedisBackend),
    "redis-encrypted": _on_server(EncryptedRedisBackend),
}


@pytest.fixture(params=list(BACKENDS.values()), ids=list(BACKENDS))
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """Each backend in turn."""
    made: Backend = request.param(request, tmp_path)
    return made


@pytest.fixture
async def journal(backend: Backend) -> AsyncIterator[Journal]:
    """The backend's audit journal."""
    opened, _, close = backend.open_others()
    yield opened
    await close()


@pytest.fixture
async def labels(backend: Backend) -> AsyncIterator[LabelStore]:
    """What the backend keeps for the verifier."""
    _, opened, close = backend.open_others()
    yield opened
    await close()


@pytest.fixture
async def checks(backend: Backend) -> AsyncIterator[CheckStore]:
    """What the backend keeps of checked hits."""
    opened, close = backend.open_checks()
    yield opened
    await close()


@pytest.fixture
async def judge_spends(backend: Backend) -> AsyncIterator[tuple[JudgeSpend, JudgeSpend]]:
    """What the judge of answers cost, as two workers see it."""
    (one, close_one), (other, close_other) = backend.open_judge_spend(), backend.open_judge_spend()
    yield one, other
    await close_one()
    await close_other()


@pytest.fixture
async def feedback_stores(backend: Backend) -> AsyncIterator[tuple[FeedbackStore, FeedbackStore]]:
    """What people made of their answers, as two workers see it: an hour, 50 answers, 20 words on them of one team."""
    bounds = {"keep_s": 3_600, "max_served": 50, "max_kept": 30, "max_kept_of_one": 20}
    opened = [backend.open_feedback(**bounds) for _ in range(2)]
    yield opened[0][0], opened[1][0]
    for _, close in opened:
        await close()


@pytest.fixture
async def pair_stores(backend: Backend) -> AsyncIterator[tuple[PairStore, PairStore]]:
    """Judged pairs, as two workers see them: of each kind six."""
    opened = [backend.open_pairs(most=6) for _ in range(2)]
    yield opened[0][0], opened[1][0]
    for _, close in opened:
        await close()


@pytest.fixture
async def item_stores(backend: Backend) -> AsyncIterator[tuple[ItemStore, ItemStore]]:
    """Answers to be judged, as two workers see them: ten."""
    opened = [backend.open_items(max_items=10) for _ in range(2)]
    yield opened[0][0], opened[1][0]
    for _, close in opened:
        await close()


@pytest.fixture
async def flight_stores(backend: Backend) -> AsyncIterator[tuple[FlightStore, FlightStore]]:
    """Requests that are under way, as two workers see them."""
    (one, close_one), (other, close_other) = backend.open_flights(), backend.open_flights()
    yield one, other
    await close_one()
    await close_other()


@pytest.fixture
async def open_store(backend: Backend) -> AsyncIterator[Callable[[], CacheStore]]:
    """Opens stores on the backend, and closes them all in the end."""
    opened: list[CacheStore] = []

    def open_one() -> CacheStore:
        opened.append(backend.open())
        return opened[-1]

    yield open_one
    for store in opened:
        await store.aclose()


@pytest.fixture
def store(open_store: Callable[[], CacheStore]) -> CacheStore:
    """One worker's store."""
    return open_store()


@pytest.fixture
def other_worker(open_store: Callable[[], CacheStore]) -> CacheStore:
    """Another worker's store on the same entries."""
    return open_store()


@pytest.fixture
async def open_spaces(backend: Backend) -> AsyncIterator[Callable[[], SpaceStore]]:
    """Opens the same entries to be moved, each time as another worker, and closes all in the end."""
    closers: list[Closer] = []

    def open_one() -> SpaceStore:
        opened, close = backend.open_spaces()
        closers.append(close)
        return opened

    yield open_one
    for close in closers:
        await close()


@pytest.fixture
def spaces(open_spaces: Callable[[], SpaceStore]) -> SpaceStore:
    """One worker's."""
    return open_spaces()
