"""What broke, and how the pack's own parts stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StageFailed:
    """A stage broke and the request went on without it."""

    stage: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class SinkFailed:
    """A sink raised, and what it was to tell is lost there."""

    sink: str


@dataclass(frozen=True, slots=True)
class StoreMeasured:
    """The memory of the Redis that holds everything; `most_bytes` is None where it has no limit."""

    used_bytes: int
    most_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class QueueMeasured:
    """How a sink's queue stands in this worker, and what it could not take since that was told last."""

    queue: str
    depth: int
    dropped: Mapping[str, int] = field(default_factory=dict)  # by reason: full, failed, closed
