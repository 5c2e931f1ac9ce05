"""What proxy and sidecar say to each other: JSON over HTTP, one text of prose for each call."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

HEALTH_PATH = "/health"
COMPRESS_PATH = "/v1/compress"
MOST_CHARS = 200_000  # of one text: a model takes minutes for more
MOST_FORCED = 100
MOST_BODY_BYTES = 4 * MOST_CHARS + 2_000_000  # a character is four bytes at most; the rest is spans

Span = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]


class Refusal(StrEnum):
    """Why a text comes back as it was. The same word goes over the wire, to the log, the metric and the test."""

    BUSY = "busy"  # too many are waiting (503)
    WARMING = "warming"  # the model is being loaded (503)
    DEADLINE = "deadline"  # it would be late: not begun, or nobody waits any more (503)
    TOO_LONG = "too_long"  # more than `MOST_CHARS` (413)
    MALFORMED = "malformed"  # not of this protocol (400)
    UNREADABLE = "unreadable"  # the model's tokenizer knows too little of it (422)
    FAILED = "failed"  # the model raised (500)
    UNAVAILABLE = "unavailable"  # nobody answers there; said by the client


STATUS = {
    Refusal.BUSY: 503,
    Refusal.WARMING: 503,
    Refusal.DEADLINE: 503,
    Refusal.TOO_LONG: 413,
    Refusal.MALFORMED: 400,
    Refusal.UNREADABLE: 422,
    Refusal.FAILED: 500,
}


class Refused(Exception):
    """The text is to be sent as it is."""

    def __init__(self, reason: Refusal, detail: str = "") -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}" if detail else str(reason))


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Wanted(_Message):
    """A text, and what has to stay of it."""

    text: str
    keep: tuple[Span, ...] = ()  # characters `start` to `end` that stay, whatever the model says of them
    rate: float = Field(default=0.5, gt=0, le=1)  # share of its tokens to keep
    target_tokens: int | None = Field(default=None, ge=1)  # as many of its tokens instead
    force_tokens: tuple[Annotated[str, Field(min_length=1)], ...] = Field(default=(), max_length=MOST_FORCED)
    force_digits: bool = True  # words with digits in them stay
    within_ms: float | None = Field(default=None, gt=0)  # after that nobody waits for it

    @model_validator(mode="after")
    def _in_order(self) -> Wanted:
        if any(not start <= end <= len(self.text) for start, end in self.keep):
            raise ValueError("keep: not spans of the text")
        return self


class Answer(_Message):
    """What is left of it."""

    text: str


class Told(_Message):
    """A refusal, as it is on the wire."""

    reason: Refusal
    detail: str = ""


class Health(_Message):
    """How the sidecar is."""

    ready: bool
    model: str
    device: str
    waiting: int  # texts that are queued or at work
    most_waiting: int
    done: int
    failed: int
