"""How an event reaches the sinks."""

import pytest

from litellm_plugins.telemetry.events import Event, Telemetry
from tests.unit.telemetry.events import hit, miss


class Told:
    def __init__(self, into: list[tuple[str, Event]], name: str) -> None:
        self._into, self._name = into, name

    def record(self, event: Event) -> None:
        self._into.append((self._name, event))


def test_every_sink_is_told_every_event_in_order() -> None:
    """Header, log and metric must never disagree on what happened."""
    told: list[tuple[str, Event]] = []
    telemetry = Telemetry([Told(told, "a"), Told(told, "b")])
    events = [hit(), miss()]
    for event in events:
        telemetry.emit(event)
    assert told == [(name, event) for event in events for name in "ab"]


class Broken:
    def record(self, event: Event) -> None:
        raise RuntimeError("no room")


def test_a_sink_that_breaks_costs_neither_the_request_nor_the_other_sinks(caplog: pytest.LogCaptureFixture) -> None:
    """And is told of by its name."""
    told: list[tuple[str, Event]] = []
    Telemetry([Broken(), Told(told, "a")]).emit(hit(matched_question="my secret diagnosis"))
    assert told
    assert "Broken" in caplog.text
    assert "diagnosis" not in caplog.text


def test_without_sinks_nothing_happens() -> None:
    """All switched off."""
    Telemetry([]).emit(hit())
