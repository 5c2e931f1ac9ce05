"""Where workers keep summaries together: apart from the cache, so that neither waits for the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_plugins.compression.backends import sqlite
from litellm_plugins.compression.summary_store import SealedSummaries
from litellm_plugins.proxy.stores import encryption_keys
from litellm_plugins.storage.sqlite import SqliteFile

if TYPE_CHECKING:
    from litellm_plugins.compression.summary_store import SummaryStore
    from litellm_plugins.settings import Settings


def open_summaries(settings: Settings) -> SummaryStore:
    """Encrypted where the cache is. Opens nothing yet. Raises: SettingsError."""
    names, store = settings.storage.encryption_keys_env, _open(settings)
    if not names:
        return store
    from litellm_plugins.storage.vault import Vault

    return SealedSummaries(store, Vault(encryption_keys(names)))


def _open(settings: Settings) -> SummaryStore:
    storage = settings.storage
    if not storage.is_redis:
        return sqlite.SqliteSummaries(SqliteFile(storage.beside("summaries"), schema=sqlite.SCHEMA))
    from litellm_plugins.compression.backends.redis import RedisSummaries
    from litellm_plugins.storage.redis import RedisServer

    server = RedisServer.at(storage, max_connections=4)
    return RedisSummaries(server, storage.key_prefix)
