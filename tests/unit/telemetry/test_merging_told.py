"""What is told of identical requests that were in flight at once."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from litellm_plugins.model import Layer, Part, Reason
from litellm_plugins.telemetry.events import RequestsMerged, Telemetry
from litellm_plugins.telemetry.sinks.headers import headers_for
from litellm_plugins.telemetry.sinks.log import LogSink
from litellm_plugins.telemetry.sinks.prometheus import PrometheusSink
from tests.unit.telemetry.events import hit, miss

LED = RequestsMerged(Part.LED, "small", "support")
FOLLOWED = RequestsMerged(Part.FOLLOWED, "small", "support", 1_500.04)
JUST_ASKED = RequestsMerged(Part.JUST_ASKED, "small", "support")
LATE = RequestsMerged(Part.TIMED_OUT, "small", "support", 60_000.04)


def test_each_part_is_counted_and_how_long_it_waited() -> None:
    registry = CollectorRegistry()
    telemetry = Telemetry([PrometheusSink(registry)])
    for event in (LED, FOLLOWED, FOLLOWED, JUST_ASKED, LATE):
        telemetry.emit(event)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"litellm_plugins_{name}", labels)

    counted = {part: value("coalesced_total", part=part, model_group="small") for part in Part}
    assert counted == {"led": 1, "followed": 2, "timed_out": 1, "taken_over": None, "alone": None, "just_asked": 1}
    assert value("coalesce_wait_seconds_count", part="followed") == 2
    assert value("coalesce_wait_seconds_bucket", part="followed", le="2.5") == 2
    assert {value("coalesce_wait_seconds_count", part=part) for part in ("led", "just_asked")} == {None}


def test_the_log_tells_who_waited_in_vain_and_the_decision_tells_the_rest(lines: list[dict[str, object]]) -> None:
    telemetry = Telemetry([LogSink()])
    decided = hit(layer=Layer.COALESCED, reason=Reason.IN_FLIGHT, waited_ms=1_500.04)
    for event in (LED, FOLLOWED, JUST_ASKED, decided, LATE):
        telemetry.emit(event)
    followed, late = lines
    assert (followed["cache"], followed["reason"], followed["waited_ms"]) == ("coalesced", "in_flight", 1_500.0)
    assert {name: late[name] for name in late if name not in {"time", "level"}} == {
        "event": "not_merged",
        "part": "timed_out",
        "model": "small",
        "team": "support",
        "waited_ms": 60_000.0,
    }


def test_who_waited_is_told_how_long() -> None:
    assert headers_for(hit(waited_ms=1_500.04))["x-litellm-plugins-waited-ms"] == "1500"
    assert "x-litellm-plugins-waited-ms" not in headers_for(miss())
