"""The stores that the settings name, put together; without the host, so that the command line can have them too."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict

from litellm_plugins.admission.backends import sqlite as sqlite_flights
from litellm_plugins.alerts.backends import sqlite as sqlite_outbox
from litellm_plugins.batch.backends import sqlite as sqlite_queue
from litellm_plugins.budgets.backends import sqlite as sqlite_ledger
from litellm_plugins.budgets.backends import sqlite_schema as ledger_schema
from litellm_plugins.cache.backends import (
    sqlite,
    sqlite_checks,
    sqlite_journal,
    sqlite_judge,
    sqlite_labels,
    sqlite_pairs,
    sqlite_spaces,
)
from litellm_plugins.errors import SettingsError
from litellm_plugins.review.backends import sqlite as sqlite_feedback
from litellm_plugins.review.backends import sqlite_items, sqlite_sync
from litellm_plugins.settings import ROOT
from litellm_plugins.storage.extras import why_no_redis
from litellm_plugins.storage.sqlite import SqliteFile

if TYPE_CHECKING:
    from litellm_plugins.admission.flights import FlightStore
    from litellm_plugins.alerts.outbox import Outbox
    from litellm_plugins.batch.queue import Queue
    from litellm_plugins.budgets.ledger import Ledger
    from litellm_plugins.cache.admin.audit import Journal
    from litellm_plugins.cache.checks import CheckStore
    from litellm_plugins.cache.judge import JudgeSpend
    from litellm_plugins.cache.pairs import PairStore
    from litellm_plugins.cache.spaces import SpaceStore
    from litellm_plugins.cache.store import CacheStore
    from litellm_plugins.cache.verifier.labels import LabelStore
    from litellm_plugins.review.feedback import FeedbackStore
    from litellm_plugins.review.store import ItemStore
    from litellm_plugins.review.sync_store import SyncStore
    from litellm_plugins.settings import Settings

# Every table of a file, of all features: a file is brought up to date as a whole. Numbers are given once over both.
LEDGER_SCHEMA = (*ledger_schema.SCHEMA, *sqlite_outbox.SCHEMA, *sqlite_queue.SCHEMA)
SCHEMA = (
    *sqlite.SCHEMA,
    *sqlite_journal.SCHEMA,
    *sqlite_labels.SCHEMA,
    *sqlite_checks.SCHEMA,
    *sqlite_spaces.SCHEMA,
    *sqlite_judge.SCHEMA,
    *sqlite_flights.SCHEMA,
    *sqlite_feedback.SCHEMA,
    *sqlite_pairs.SCHEMA,
    *sqlite_items.SCHEMA,
    *sqlite_sync.SCHEMA,
)


@dataclass(frozen=True, slots=True)
class Stores:
    """What outlives a restart. Closing the entries closes what the others rest on, but for the ledger."""

    entries: CacheStore
    journal: Journal
    labels: LabelStore
    checks: CheckStore
    spaces: SpaceStore
    judge_spend: JudgeSpend
    ledger: Ledger
    outbox: Outbox  # rests on the ledger's file, or on the entries' server
    flights: FlightStore
    feedback: FeedbackStore
    pairs: PairStore  # that people have judged
    items: ItemStore  # to be judged
    sync: SyncStore  # of these with Langfuse
    deferred: Queue  # rests on the ledger's file, or on the entries' server
    memory: Callable[[], Awaitable[tuple[int, int | None]]] | None = None  # of a server: used, and the most


def open_stores(settings: Settings) -> Stores:
    """Opens nothing yet: that happens on first use. Raises: SettingsError, where a store or key cannot be had."""
    storage, names = settings.storage, settings.storage.encryption_keys_env
    stores = _on_redis(settings) if storage.is_redis else _on_sqlite(settings)
    if not names:
        return stores
    from litellm_plugins.batch.sealed import SealedQueue
    from litellm_plugins.cache.backends.encrypted import EncryptedStore
    from litellm_plugins.cache.backends.encrypted_spaces import EncryptedSpaces
    from litellm_plugins.review.sealed import SealedItems
    from litellm_plugins.storage.vault import Vault

    keys = encryption_keys(names)
    entries, vault = EncryptedStore(stores.entries, keys), Vault(keys)
    return replace(
        stores,
        entries=entries,
        spaces=EncryptedSpaces(stores.spaces, entries),
        items=SealedItems(stores.items, vault),
        deferred=SealedQueue(stores.deferred, vault),
    )


def _on_sqlite(settings: Settings) -> Stores:
    storage = settings.storage
    file, money = SqliteFile(storage.path, schema=SCHEMA), _ledger_file(settings)
    entries = sqlite.SqliteCacheStore(file, max_bytes=storage.max_size_mb * 1024 * 1024)
    return Stores(
        entries=entries,
        journal=sqlite_journal.SqliteJournal(file),
        labels=sqlite_labels.SqliteLabelStore(file),
        checks=sqlite_checks.SqliteCheckStore(file),
        spaces=sqlite_spaces.SqliteSpaces(file),
        judge_spend=sqlite_judge.SqliteJudgeSpend(file),
        ledger=sqlite_ledger.SqliteLedger(money, on_lapse=settings.ledger.on_lapse),
        outbox=sqlite_outbox.SqliteOutbox(money),
        deferred=sqlite_queue.SqliteQueue(_ledger_file(settings)),
        flights=sqlite_flights.SqliteFlights(file),
        feedback=sqlite_feedback.SqliteFeedback(file, **_kept(settings)),
        pairs=sqlite_pairs.SqlitePairs(file),
        items=sqlite_items.SqliteItems(file, max_items=settings.review.max_items),
        sync=sqlite_sync.SqliteSync(file),
    )


def _ledger_file(settings: Settings) -> SqliteFile:
    # Beside the cache's file: money waits for no clean-up there, and may outlive it.
    return SqliteFile(settings.storage.beside("ledger"), schema=LEDGER_SCHEMA, begins_anew=False)


def _on_redis(settings: Settings) -> Stores:
    storage, missing = settings.storage, why_no_redis()
    if missing:
        raise SettingsError([f"{ROOT}.storage.url: {missing}"])
    from litellm_plugins.admission.backends import redis as redis_flights
    from litellm_plugins.alerts.backends import redis as redis_outbox
    from litellm_plugins.batch.backends import redis as redis_queue
    from litellm_plugins.budgets.backends.redis import RedisLedger
    from litellm_plugins.cache.backends import (
        redis,
        redis_checks,
        redis_journal,
        redis_judge,
        redis_labels,
        redis_pairs,
        redis_spaces,
    )
    from litellm_plugins.cache.backends.redis_fields import Names
    from litellm_plugins.review.backends import redis as redis_feedback
    from litellm_plugins.review.backends import redis_items, redis_sync
    from litellm_plugins.storage.redis import RedisServer

    def connect() -> RedisServer:
        return RedisServer.at(storage, max_connections=storage.max_connections)

    server = connect()
    names = Names(storage.key_prefix)
    return Stores(
        entries=redis.RedisCacheStore(server, names),
        journal=redis_journal.RedisJournal(server, names),
        labels=redis_labels.RedisLabelStore(server, names),
        checks=redis_checks.RedisCheckStore(server, names),
        spaces=redis_spaces.RedisSpaces(server, names),
        judge_spend=redis_judge.RedisJudgeSpend(server, names),
        ledger=RedisLedger(connect(), storage.key_prefix, on_lapse=settings.ledger.on_lapse),
        flights=redis_flights.RedisFlights(server, storage.key_prefix),
        feedback=redis_feedback.RedisFeedback(server, storage.key_prefix, **_kept(settings)),
        pairs=redis_pairs.RedisPairs(server, names),
        items=redis_items.RedisItems(server, storage.key_prefix, max_items=settings.review.max_items),
        sync=redis_sync.RedisSync(server, storage.key_prefix),
        outbox=redis_outbox.RedisOutbox(server, storage.key_prefix),
        deferred=redis_queue.RedisQueue(server, storage.key_prefix),
        memory=server.memory,
    )


class _Kept(TypedDict):
    keep_s: float
    max_served: int


def _kept(settings: Settings) -> _Kept:
    wanted = settings.feedback
    return _Kept(keep_s=wanted.keep_days * 86_400, max_served=wanted.max_served)


def encryption_keys(names: Sequence[str]) -> list[bytes]:
    """Out of the environment. Raises: SettingsError, without any of them."""
    from litellm_plugins.storage.vault import key_from

    keys, problems = [], []
    for name in names:
        try:
            keys.append(key_from(os.environ[name]))
        except KeyError:
            problems.append(f"{name}: the environment variable is not set")
        except ValueError as exc:
            problems.append(f"{name}: {exc}")
    if problems:
        raise SettingsError([f"callback_settings.litellm_plugins.storage.encryption_keys_env: {p}" for p in problems])
    return keys
