"""What lets somebody in: a browser's session, or a token that was handed out to a team's owner; where both are kept."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """Of a pass."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a word, not a secret


class Role(StrEnum):
    """Whose it is."""

    ADMIN = "admin"
    TEAM = "team"


@dataclass(frozen=True, slots=True)
class Pass:
    """Kept under an id that says nothing of the secret which opens it."""

    id: str
    kind: Kind
    role: Role
    team: str  # of a team's: its name; of an admin's nothing
    by: str  # who signed in, or who made the token
    made_ms: int
    until_ms: int
    token_id: str = ""  # of a session that was opened with a token
    team_id: str = ""  # of a team's: its id, for two teams may have one name

    def __post_init__(self) -> None:
        if (self.role is Role.TEAM) != bool(self.team):
            raise ValueError("a team's pass names its team, and no other does")


class PassStore(Protocol):
    """Shared by every worker. Each method raises `StoreUnavailable` where the store cannot do it."""

    async def put(self, given: Pass, *, now_ms: int) -> None:
        """Keep it until its end. What has ended is forgotten on the way."""

    async def get(self, pass_id: str, *, now_ms: int) -> Pass | None:
        """The one of that id, if it has not ended."""

    async def drop(self, pass_id: str) -> bool:
        """Forget it; whether it was there."""

    async def tokens(self, *, now_ms: int) -> list[Pass]:
        """Those of kind token that have not ended, the oldest first."""
