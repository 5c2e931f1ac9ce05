"""What the sync with Langfuse has to remember over restarts and workers: a protocol; `backends/` keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

MOST_NOTES = 100_000  # of a kind, in each scope; the oldest go first


class Note(StrEnum):
    """What is noted, each by an id of its own."""

    PUSHING = "pushing"  # by trace: an item that was about to be created; whether it was, Langfuse knows
    PUSHED = "pushed"  # by trace: our item's id
    READ = "read"  # by a score's id and the time of its last change
    CURSOR = "cursor"


class SyncStore(Protocol):
    """`scope` is the Langfuse project and queue that a note is about. Raises: StoreUnavailable, from each method."""

    async def lease(self, scope: str, owner: str, *, now_s: float, for_s: float) -> bool:
        """Take the sync's lease, or renew it; False while another owner has it."""

    async def release(self, scope: str, owner: str) -> None:
        """Give it back; does nothing where another has it."""

    async def note(self, scope: str, kind: Note, told: Mapping[str, str]) -> None:
        """Keep these, in the place of what was noted by the same ids."""

    async def noted(self, scope: str, kind: Note, ids: Sequence[str]) -> dict[str, str]:
        """What was noted by these ids."""

    async def all_noted(self, scope: str, kind: Note) -> dict[str, str]:
        """Everything of a kind."""

    async def forget(self, scope: str, kind: Note, ids: Sequence[str]) -> None:
        """Drop these."""
