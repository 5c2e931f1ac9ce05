"""Making keys and finding who holds one. Pure, but for the randomness of a new key.

A key carries 256 random bits, so a plain SHA-256 is enough to keep it by: there is nothing to guess. A presented key
is hashed and looked up by that hash; how long that takes says nothing about any key on file.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litellm_plugins.settings import VirtualKeys

PREFIX = "sk-lp-"


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Whose key it is and what it may use; `models` empty means every model."""

    name: str
    key_hash: str  # 64 hex digits
    team_id: str | None
    team_alias: str | None
    user_id: str | None
    models: tuple[str, ...]
    team_models: tuple[str, ...]


class KeyRing:
    """The keys of the settings, by hash."""

    def __init__(self, holders: Iterable[KeyHolder]) -> None:
        self._by_hash = {holder.key_hash: holder for holder in holders}

    def __len__(self) -> int:
        return len(self._by_hash)

    @classmethod
    def of(cls, settings: VirtualKeys) -> KeyRing:
        """The ring that the settings describe."""
        teams = {team.id: team for team in settings.teams}
        holders = []
        for key in settings.keys:
            team = teams.get(key.team) if key.team else None
            holders.append(
                KeyHolder(
                    name=key.name,
                    key_hash=key.hash.removeprefix("sha256:"),
                    team_id=key.team,
                    team_alias=team.alias if team else None,
                    user_id=key.user,
                    models=key.models or (team.models if team else ()),
                    team_models=team.models if team else (),
                )
            )
        return cls(holders)

    def find(self, secret: str) -> KeyHolder | None:
        """The holder of `secret`, or None."""
        return self._by_hash.get(hash_of(secret))


def new_secret() -> str:
    """A fresh key; shown once, never kept."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """What is kept of a key: SHA-256, 64 hex digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same_secret(presented: str, known: str) -> bool:
    """Whether two keys are one, in a time that does not tell how much of it was right."""
    return hmac.compare_digest(presented.encode(), known.encode())
