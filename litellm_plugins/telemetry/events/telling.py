"""How the events reach the sinks."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from litellm_plugins.model import Reason
from litellm_plugins.telemetry.events.health import SinkFailed, StageFailed

if TYPE_CHECKING:
    from litellm_plugins.telemetry.events import Event

_LOG = logging.getLogger(__name__)


class Sink(Protocol):
    """A place where events are told. It must neither block nor raise."""

    def record(self, event: Event) -> None:
        """Tell `event`."""


class Telemetry:
    """Hands each event to every sink."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = tuple(sinks)

    def also(self, sink: Sink) -> None:
        """Tell this one, too, of what comes from now on."""
        self._sinks = (*self._sinks, sink)

    def emit(self, event: Event) -> None:
        """Tell `event` everywhere."""
        for sink in self._sinks:
            try:
                sink.record(event)
            except Exception:  # noqa: BLE001 - a request must never fail because of what is told of it
                _LOG.exception("%s could not tell of an event", type(sink).__name__)
                if not isinstance(event, SinkFailed):
                    self.emit(SinkFailed(type(sink).__name__))

    def broke(self, stage: str, exc: Exception) -> None:
        """A stage raised what nobody expected: the error's class is told, for in its words there may be a prompt."""
        self.emit(StageFailed(stage, str(Reason.INTERNAL_ERROR), type(exc).__name__))
