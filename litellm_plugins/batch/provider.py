"""What the worker needs of a provider and of the books, and what it tells: protocols and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from litellm_plugins.batch.queue import Batch, Deferred, Status

if TYPE_CHECKING:
    from litellm_plugins.batch.lines import Result


class ProviderFault(Exception):
    """A provider did not do what it was asked.

    `reason` may be the provider's own word, `kind` is one of ours. `is_certain`: it has not done it, and so may be
    asked again. `is_lasting`: that is of no use.
    """

    def __init__(
        self, reason: str, detail: str = "", *, kind: str = "", is_certain: bool = False, is_lasting: bool = False
    ) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.kind = reason, kind or reason
        self.is_certain, self.is_lasting = is_certain, is_lasting


@dataclass(frozen=True, slots=True)
class File:
    """What was uploaded, and to which deployment."""

    id: str
    deployment: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How a batch stands with its provider."""

    status: str  # the provider's word
    output_file: str = ""
    error_file: str = ""
    bad_lines: tuple[int, ...] = ()  # of a file that is no good: which lines, from 1
    reason: str = ""  # why it failed

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in ("completed", "failed", "expired", "cancelled")


class Provider(Protocol):
    """Raises, from every method: ProviderFault."""

    async def upload(self, batch: Batch, requests: Sequence[Deferred]) -> File:
        """Hand over the requests of a batch."""

    async def create(self, batch: Batch, file: File) -> str:
        """Begin the batch, named by its id; the provider's own id for it."""

    async def look_up(self, batch: Batch) -> str | None:
        """The provider's id of a batch that may have been begun; None: it was not."""

    async def progress(self, batch: Batch) -> Progress:
        """How it stands."""

    async def results(self, batch: Batch, progress: Progress) -> list[Result]:
        """What it made of the requests, as far as it says."""

    async def cancel(self, batch: Batch) -> None:
        """Have it end early: what is done by then is kept, and paid."""


@dataclass(frozen=True, slots=True)
class Paid:
    """What an answer cost."""

    nano_usd: int = 0
    usual_nano_usd: int = 0  # had it not waited
    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    completion_tokens: int = 0
    deployment: str = ""  # the provider's name of the model
    provider: str = ""


class Books(Protocol):
    """What deferred requests cost. Each method raises StoreUnavailable; doing it twice changes nothing."""

    async def called(self, request: Deferred) -> None:
        """A provider is about to get it."""

    async def settle(self, request: Deferred, batch: Batch, usage: Mapping[str, Any] | None) -> Paid:
        """Book an answer, in place of what was reserved; without a usage at that."""

    async def release(self, request: Deferred) -> None:
        """It has no answer, and costs nothing."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A deferred request is over."""

    request: Deferred
    status: Status
    at_s: float
    paid: Paid = field(default_factory=Paid)
