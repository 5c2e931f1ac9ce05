"""Who did what to the cache: a journal that is only ever added to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that was done."""

    at: float  # UNIX seconds
    actor: str  # alias or hash of the key, the event's type, or who ran the command line
    action: str  # invalidate, curate, uncurate, warm, event, version, verdict, verifier_promoted, budget_reset…
    count: int  # how many entries it touched
    what: Mapping[str, Any] = field(default_factory=dict)  # the selector, or what else was given; JSON
    id: int = 0  # given by the journal, ascending


class Journal(Protocol):
    """Keeps records. Raises `StoreUnavailable` like the store it belongs to."""

    async def append(self, record: Record) -> None:
        """Keep `record`; its id is given here."""

    async def latest(self, *, limit: int, before: int | None = None, action: str | None = None) -> list[Record]:
        """Up to `limit` records, newest first: those with an id below `before`, of one action if it is named."""
