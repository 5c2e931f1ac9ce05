"""What storage kinds need beyond the ordinary installation."""

from __future__ import annotations

import importlib.util

_REDIS_PACKAGES = ("redis", "redisvl")


def why_no_redis() -> str | None:
    """What is missing to talk to Redis, and how to get it; None where nothing is. Imports nothing."""
    missing = [name for name in _REDIS_PACKAGES if importlib.util.find_spec(name) is None]
    if not missing:
        return None
    return f"Redis needs the package {' and '.join(missing)}: pip install 'litellm-plugins[redis]'"
