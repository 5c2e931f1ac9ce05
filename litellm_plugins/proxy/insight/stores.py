"""Where the cost monitor keeps what it counted: apart from the cache, which may be deleted, and from the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from litellm_plugins.alerts.backends import sqlite as sqlite_outbox
from litellm_plugins.insight.backends import sqlite, sqlite_anomalies
from litellm_plugins.storage.sqlite import SqliteFile
from litellm_plugins.ui.backends import sqlite as sqlite_passes

if TYPE_CHECKING:
    from litellm_plugins.alerts.outbox import Outbox
    from litellm_plugins.insight.store import AnomalyLog, UsageStore
    from litellm_plugins.settings import Settings
    from litellm_plugins.ui.passes import PassStore

INSIGHT_SCHEMA = (*sqlite.SCHEMA, *sqlite_anomalies.SCHEMA, *sqlite_outbox.SCHEMA, *sqlite_passes.SCHEMA)


@dataclass(frozen=True, slots=True)
class InsightStores:
    """Closing the usage closes what the others rest on."""

    usage: UsageStore
    outbox: Outbox
    anomalies: AnomalyLog
    passes: PassStore  # of the page that shows all this


def open_insight(settings: Settings) -> InsightStores:
    """Opens nothing yet."""
    storage, keep_hours = settings.storage, 24 * settings.insight.keep_days
    if not storage.is_redis:
        file = SqliteFile(storage.beside("insight"), schema=INSIGHT_SCHEMA)
        usage_file = sqlite.SqliteUsage(file, keep_hours=keep_hours)
        anomalies, passes = sqlite_anomalies.SqliteAnomalies(file), sqlite_passes.SqlitePasses(file)
        return InsightStores(usage_file, sqlite_outbox.SqliteOutbox(file), anomalies, passes)
    from litellm_plugins.alerts.backends.redis import RedisOutbox
    from litellm_plugins.insight.backends.redis import RedisAnomalies, RedisUsage
    from litellm_plugins.storage.redis import RedisServer
    from litellm_plugins.ui.backends.redis import RedisPasses

    # Connections of its own: what it waits for must not count against the look-ups.
    server = RedisServer.at(storage, max_connections=8)
    usage = RedisUsage(server, storage.key_prefix, keep_hours=keep_hours)
    prefix = storage.key_prefix
    outbox = RedisOutbox(server, f"{prefix}:insight")
    return InsightStores(usage, outbox, RedisAnomalies(server, prefix), RedisPasses(server, prefix))
