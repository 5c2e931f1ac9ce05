"""Who has the cache already? Pure."""

from __future__ import annotations

import hashlib

_SALT = b"litellm_plugins/rollout:"


def is_rolled_out(key_id: str | None, share: float) -> bool:
    """Whether this key is among the `share` that has it: always the same keys, and a larger share keeps them all."""
    if share >= 1:
        return True
    if not key_id:
        return False
    digest = hashlib.sha256(_SALT + key_id.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64
