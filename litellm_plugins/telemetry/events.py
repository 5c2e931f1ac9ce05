"""The events, and how they reach the sinks."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from litellm_plugins.model import Layer, Reason

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CacheDecided:
    """The cache said what it does with one request."""

    layer: Layer
    reason: Reason
    endpoint: str
    model_group: str
    team: str = ""
    key: str = ""
    stream: bool = False
    similarity: float | None = None  # cosine of the served, or of the nearest, entry
    cache_id: str | None = None
    matched_question: str | None = None  # told to the trace only: it is a user's text
    saved_nano_usd: int = 0
    saved_tokens: int = 0
    decision_ms: float = 0.0
    volatility: str = ""  # the class of the prompt; none where it has not been looked at


@dataclass(frozen=True, slots=True)
class AnswerHandled:
    """A fresh answer was stored (`refusal` is None) or not."""

    model_group: str
    refusal: Reason | None


@dataclass(frozen=True, slots=True)
class StageFailed:
    """A stage broke and the request went on without it."""

    stage: str
    reason: str
    detail: str


Event = CacheDecided | AnswerHandled | StageFailed


class Sink(Protocol):
    """A place where events are told. It must neither block nor raise."""

    def record(self, event: Event) -> None:
        """Tell `event`."""


class Telemetry:
    """Hands each event to every sink."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = tuple(sinks)

    def emit(self, event: Event) -> None:
        """Tell `event` everywhere."""
        for sink in self._sinks:
            try:
                sink.record(event)
            except Exception:  # noqa: BLE001 - a request must never fail because of what is told of it
                _LOG.exception("%s could not tell of an event", type(sink).__name__)
