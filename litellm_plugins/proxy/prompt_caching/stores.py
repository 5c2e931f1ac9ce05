"""Where workers tell each other of prompts: apart from the cache, so that neither waits for the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_plugins.prompt_caching.backends import sqlite
from litellm_plugins.storage.sqlite import SqliteFile

if TYPE_CHECKING:
    from litellm_plugins.prompt_caching.store import PromptStore
    from litellm_plugins.settings import Settings


def open_prompts(settings: Settings) -> PromptStore:
    """Opens nothing yet."""
    storage, most = settings.storage, settings.prompt_caching.max_families
    if not storage.is_redis:
        file = SqliteFile(storage.beside("prompts"), schema=sqlite.SCHEMA)
        return sqlite.SqlitePrompts(file, max_families=most)
    from litellm_plugins.prompt_caching.backends.redis import RedisPrompts
    from litellm_plugins.storage.redis import RedisServer

    server = RedisServer.at(storage, max_connections=4)
    return RedisPrompts(server, storage.key_prefix, max_families=most)
