"""Where workers tell each other of prompts: apart from the cache, so that neither waits for the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_plugins.prompt_caching.backends import sqlite
from litellm_plugins.storage.sqlite import SqliteFile

if TYPE_CHECKING:
    from pathlib import Path

    from litellm_plugins.prompt_caching.store import PromptStore
    from litellm_plugins.settings import Settings, Storage


def prompts_path(storage: Storage) -> Path:
    """Beside the cache's file."""
    path = storage.path
    return path.with_name(f"{path.stem}.prompts{path.suffix}")


def open_prompts(settings: Settings) -> PromptStore:
    """Opens nothing yet."""
    storage, most = settings.storage, settings.prompt_caching.max_families
    if not storage.is_redis:
        return sqlite.SqlitePrompts(SqliteFile(prompts_path(storage), schema=sqlite.SCHEMA), max_families=most)
    from litellm_plugins.prompt_caching.backends.redis import RedisPrompts
    from litellm_plugins.storage.redis import RedisServer

    server = RedisServer(storage.url, timeout_s=storage.timeout_ms / 1_000, max_connections=4)
    return RedisPrompts(server, storage.key_prefix, max_families=most)
