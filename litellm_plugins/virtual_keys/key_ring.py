"""Making keys and finding who holds one. Pure, but for the randomness of a new key.

A key carries 256 random bits, so a plain SHA-256 is enough to keep it by: there is nothing to guess. A presented key
is hashed and looked up by that hash; how long that takes says nothing about any key on file.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from litellm_plugins.virtual_keys.models import allowed

if TYPE_CHECKING:
    from litellm_plugins.settings import Team, VirtualKey, VirtualKeys

PREFIX = "sk-lp-"


class KeyState(StrEnum):
    """Whether a key opens anything."""

    ACTIVE = "active"
    EXPIRED = "expired"
    BLOCKED = "blocked"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Whose key it is, and what it and its team may do."""

    key: VirtualKey
    team: Team | None

    @property
    def key_hash(self) -> str:
        """64 hex digits."""
        return self.key.hash.removeprefix("sha256:")

    @property
    def models(self) -> tuple[str, ...]:
        """What key and team allow; empty: every model."""
        return allowed(self.key.models, self.team_models)

    @property
    def team_models(self) -> tuple[str, ...]:
        """What any key of the team may use at most; empty: every model."""
        return self.team.models if self.team else ()

    @property
    def expires(self) -> datetime | None:
        """When the key ends, or before that its team."""
        return min((each.expires for each in (self.key, self.team) if each and each.expires), default=None)

    def state(self, now: datetime) -> KeyState:
        """What the key is at `now`; the most lasting reason comes first."""
        if self.key.revoked:
            return KeyState.REVOKED
        if self.key.blocked or (self.team is not None and self.team.blocked):
            return KeyState.BLOCKED
        if self.expires is not None and now >= self.expires:
            return KeyState.EXPIRED
        return KeyState.ACTIVE


class KeyRing:
    """Keys by hash; those that open nothing any more are in it, so that their holders are told why."""

    def __init__(self, holders: Iterable[KeyHolder]) -> None:
        self._by_hash = {holder.key_hash: holder for holder in holders}

    def __len__(self) -> int:
        return len(self._by_hash)

    def __iter__(self) -> Iterator[KeyHolder]:
        return iter(self._by_hash.values())

    @classmethod
    def of(cls, settings: VirtualKeys) -> KeyRing:
        """The ring that the settings describe, without what stands in their `file`."""
        teams = {team.id: team for team in settings.teams}
        return cls(KeyHolder(key, teams.get(key.team) if key.team else None) for key in settings.keys)

    def without(self, hashes: Collection[str]) -> KeyRing:
        """The same with those keys revoked."""
        return KeyRing(
            replace(holder, key=holder.key.model_copy(update={"revoked": True}))
            if holder.key.hash in hashes
            else holder
            for holder in self
        )

    def find(self, secret: str) -> KeyHolder | None:
        """The holder of `secret`, or None."""
        return self._by_hash.get(hash_of(secret))


def new_secret() -> str:
    """A fresh key; shown once, never kept."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """What is kept of a key: SHA-256, 64 hex digits."""
    return hashlib.sha256(_bytes(secret)).hexdigest()


def same_secret(presented: str, known: str) -> bool:
    """Whether two keys are one, in a time that does not tell how much of it was right."""
    return hmac.compare_digest(_bytes(presented), _bytes(known))


def _bytes(secret: str) -> bytes:
    return secret.encode(errors="surrogatepass")  # whatever was presented, it is a wrong key and not a fault
