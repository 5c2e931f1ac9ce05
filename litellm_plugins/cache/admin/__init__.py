"""What administrators do to the cache: look, remove, write answers themselves, and see who did what."""

from __future__ import annotations

from litellm_plugins.cache.admin.service import CacheAdmin

__all__ = ["CacheAdmin"]
