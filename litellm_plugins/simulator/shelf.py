"""Files that were uploaded, and batches made of them: what OpenAI's batch API keeps between two requests."""

import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

BatchStatus = Literal[
    "validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"
]
ENDED: frozenset[BatchStatus] = frozenset({"failed", "completed", "expired", "cancelled"})


@dataclass(slots=True)
class File:
    """One file; `content` is JSON lines."""

    id: str
    name: str
    purpose: str
    content: bytes
    created_s: int

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": self.created_s,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
            "expires_at": None,
        }


@dataclass(slots=True)
class Batch:
    """One batch. `began` is a time of the simulator's clock, the other times are UNIX seconds."""

    id: str
    number: int
    endpoint: str
    input_file_id: str
    metadata: Mapping[str, str]
    created_s: int
    began: float
    rows: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)  # of a file that is no good
    status: BatchStatus = "validating"
    output_file_id: str | None = None
    error_file_id: str | None = None
    completed: int = 0
    failed: int = 0
    told_at: dict[str, int] = field(default_factory=dict)  # when it came to each status

    def as_json(self) -> dict[str, Any]:
        """As OpenAI writes it."""
        times = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "input_file_id": self.input_file_id,
            "completion_window": "24h",
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": self.created_s,
            **{f"{status}_at": self.told_at.get(status) for status in times},
            "expires_at": self.created_s + 86_400,
            "request_counts": {"total": len(self.rows), "completed": self.completed, "failed": self.failed},
            "metadata": dict(self.metadata),
        }


class Shelf:
    """All of them, of one simulator; kept until it stops."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.batches: dict[str, Batch] = {}
        self._bill: dict[str, dict[str, int]] = {}
        self._numbers = itertools.count()

    def put(self, name: str, purpose: str, content: bytes, created_s: int) -> File:
        """Keep a file."""
        file = File(f"file-{secrets.token_hex(11)}", name, purpose, content, created_s)
        self.files[file.id] = file
        return file

    def begin(self, endpoint: str, file: File, metadata: Mapping[str, str], *, now_s: int, clock_s: float) -> Batch:
        """Make a batch."""
        batch_id = f"batch_{secrets.token_hex(12)}"
        made = Batch(batch_id, next(self._numbers), endpoint, file.id, metadata, now_s, clock_s)
        self.batches[made.id] = made
        return made

    def newest_first(self) -> list[Batch]:
        """All batches."""
        return sorted(self.batches.values(), key=lambda batch: batch.number, reverse=True)

    def charge(self, model: str, prompt_tokens: int, completion_tokens: int) -> None:
        """Put a request of a batch on the bill: at half the price, so apart from others."""
        of_model = self._bill.setdefault(model, {"requests": 0, "prompt_tokens": 0, "completion_tokens": 0})
        of_model["requests"] += 1
        of_model["prompt_tokens"] += prompt_tokens
        of_model["completion_tokens"] += completion_tokens

    def bill(self) -> dict[str, dict[str, int]]:
        """By model: the requests of all batches, and their tokens."""
        return {model: dict(charged) for model, charged in self._bill.items()}
