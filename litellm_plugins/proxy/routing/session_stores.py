"""Where workers tell each other of conversations: apart from the cache, so that neither waits for the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_plugins.routing.backends import sqlite
from litellm_plugins.storage.sqlite import SqliteFile

if TYPE_CHECKING:
    from litellm_plugins.routing.session_store import SessionStore
    from litellm_plugins.settings import Settings


def open_sessions(settings: Settings) -> SessionStore:
    """Beside the cache's file, or in the same Redis. Opens nothing yet."""
    storage = settings.storage
    if not storage.is_redis:
        return sqlite.SqliteSessions(SqliteFile(storage.beside("sessions"), schema=sqlite.SCHEMA))
    from litellm_plugins.routing.backends.redis import RedisSessions
    from litellm_plugins.storage.redis import RedisServer

    server = RedisServer.at(storage, max_connections=2)
    return RedisSessions(server, storage.key_prefix)
