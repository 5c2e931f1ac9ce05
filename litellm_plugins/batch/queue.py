"""Deferred requests, and the batches they are sent in: two protocols; `backends/` keeps both on SQLite and on Redis.

Times are UNIX seconds and come from the caller. Each method is one atomic step, and raises StoreUnavailable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

MOST_BYTES = 100_000_000  # of the bodies of a batch: a provider takes files of 200 MB, and a worker holds it in memory


class Status(StrEnum):
    """How a deferred request stands, as its client reads it."""

    QUEUED = "queued"
    SUBMITTED = "submitted"  # a provider has it
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


OPEN = frozenset({Status.QUEUED, Status.SUBMITTED})


class Put(StrEnum):
    """What became of a request that was brought to the queue."""

    KEPT = "kept"
    FULL = "full"  # too many of all tenants have no end yet
    TENANT_FULL = "tenant_full"  # too many of its own


class Stage(StrEnum):
    """How a batch stands with its provider."""

    CLAIMED = "claimed"  # nothing of it was created there, but perhaps its file
    CREATING = "creating"  # it is being created, or was: only the provider knows
    SUBMITTED = "submitted"


@dataclass(frozen=True, slots=True)
class Deferred:
    """One request that waits, or has ended."""

    id: str
    tenant: str
    model_group: str
    body: bytes  # the provider's request, as JSON
    about: bytes  # what is needed to tell of its end, as JSON
    created_s: float
    expires_s: float
    status: Status = Status.QUEUED
    batch: str = ""  # that it was put in
    ended_s: float | None = None
    reason: str = ""  # why it has no answer
    answer: bytes = b""  # the chat completion, or the provider's error, as JSON


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests that are sent together. By its id it is found again at the provider, whoever created it there."""

    id: str
    model_group: str
    touched_s: float  # when `stage` was said last
    stage: Stage = Stage.CLAIMED
    deployment: str = ""  # the host's id
    provider_id: str = ""
    tries: int = 0  # to create it, that failed


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for one model group, and for no batch yet."""

    model_group: str
    requests: int
    since_s: float  # when the first of them came


class DeferredStore(Protocol):
    """The side of those who ask."""

    async def put(self, request: Deferred, *, most: int, most_of_tenant: int | None = None) -> Put:
        """Keep it, durably, unless `most` have no end yet, or `most_of_tenant` (None: no bound) of its tenant."""

    async def find(self, id_: str, *, tenant: str) -> Deferred | None:
        """None where that tenant has none of this id."""

    async def cancel(self, id_: str, *, tenant: str, now_s: float) -> Deferred | None:
        """Take it back, unless it is in a batch or has ended; as it stands afterwards."""


class BatchStore(Protocol):
    """The side of the worker. `lease` and `release` are its turn among all workers."""

    async def lease(self, owner: str, *, now_s: float, for_s: float) -> bool:
        """Take the turn, or keep it; False while another owner has it."""

    async def release(self, owner: str) -> None:
        """Give it back; does nothing where another has it."""

    async def waiting(self) -> list[Waiting]:
        """By model group."""

    async def claim(self, batch: Batch, *, most: int, most_bytes: int = MOST_BYTES) -> list[Deferred]:
        """Put up to `most` waiting requests of the batch's model group, the oldest first, in it; none: no batch.

        Their bodies have `most_bytes` together, or it is one alone.
        """

    async def batches(self) -> list[Batch]:
        """All that are not over, in the order in which they were claimed."""

    async def members(self, batch_id: str) -> list[Deferred]:
        """Of a batch: those that have no end yet."""

    async def note(self, batch: Batch) -> None:
        """Keep what became of it; once it is submitted, so are its members."""

    async def drop(self, batch_id: str) -> None:
        """It is over, and none of its members is open; those that are wait again."""

    async def finish(
        self, id_: str, status: Status, *, now_s: float, reason: str = "", answer: bytes = b""
    ) -> Deferred | None:
        """End an open request; as it stands afterwards. None: it has ended before, and nothing was changed."""

    async def overdue(self, *, now_s: float, most: int) -> list[Deferred]:
        """Those past their time that are in no batch, the oldest first."""

    async def sweep(self, *, before_s: float) -> int:
        """Forget requests that ended before; how many."""

    async def standing(self) -> dict[Status, int]:
        """How many are queued, and how many submitted."""


class Queue(DeferredStore, BatchStore, Protocol):
    """Both sides, which one object keeps."""

    async def aclose(self) -> None:
        """Close what only it holds open."""


def oldest_first(requests: Sequence[Deferred]) -> list[Deferred]:
    """In the order in which they came."""
    return sorted(requests, key=lambda request: (request.created_s, request.id))
