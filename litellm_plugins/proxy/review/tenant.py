"""Whose traffic a request is, for feedback and for streams that are left."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litellm_plugins.model import Identity


def tenant_of(identity: Identity) -> str:
    """Whose traffic it is: the team's, or of a key without one its own."""
    return f"team:{identity.team_id}" if identity.team_id else f"key:{identity.key_id or ''}"
