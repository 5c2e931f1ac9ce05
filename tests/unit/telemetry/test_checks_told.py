"""What sinks tell of hits that were answered afresh."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from litellm_plugins.model import Layer, Outcome, Reason
from litellm_plugins.telemetry.events import CacheChecked, StalenessMeasured
from litellm_plugins.telemetry.sinks.headers import headers_for
from litellm_plugins.telemetry.sinks.langfuse import notes_for
from litellm_plugins.telemetry.sinks.log import LogSink
from litellm_plugins.telemetry.sinks.prometheus import PrometheusSink
from tests.unit.telemetry.events import miss

WITHHELD = miss(reason=Reason.SHADOW, would=Layer.SEMANTIC, similarity=0.97)
CHECK = CacheChecked(Layer.SEMANTIC, Reason.SHADOW, Outcome.RIGHT, "small", "support", 0.97123, 0.98765)
RINGING = StalenessMeasured(Layer.EXACT, 0.2, 100, ringing=True, changed=True)


def test_a_client_and_a_trace_see_what_would_have_happened() -> None:
    headers = headers_for(WITHHELD)
    assert (headers["x-litellm-plugins-cache"], headers["x-litellm-plugins-cache-would"]) == ("miss", "semantic")
    assert "x-litellm-plugins-cache-id" not in headers
    assert notes_for(WITHHELD).metadata["cache_would"] == "semantic"
    assert "x-litellm-plugins-cache-would" not in headers_for(miss())


def test_checks_and_what_was_withheld_are_counted() -> None:
    registry = CollectorRegistry()
    sink = PrometheusSink(registry)
    for event in (WITHHELD, CHECK, CHECK, RINGING):
        sink.record(event)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"litellm_plugins_cache_{name}", labels)

    assert value("checks_total", layer="semantic", outcome="right") == 2
    assert value("withheld_total", layer="semantic", reason="shadow", model_group="small") == 1
    assert value("stale_ratio", layer="exact") == pytest.approx(0.2)
    assert value("stale_alarm", layer="exact") == 1
    sink.record(StalenessMeasured(Layer.EXACT, 0.05, 100, ringing=False, changed=True))
    assert value("stale_alarm", layer="exact") == 0


def test_the_log_tells_each_check_and_the_alarm_when_it_begins_and_ends(lines: list[dict[str, object]]) -> None:
    sink = LogSink()
    sink.record(CHECK)
    sink.record(RINGING)
    sink.record(StalenessMeasured(Layer.EXACT, 0.3, 100, ringing=True, changed=False))
    sink.record(StalenessMeasured(Layer.EXACT, 0.0, 100, ringing=False, changed=True))
    check, begun, over = lines
    assert (check["event"], check["outcome"], check["similarity"]) == ("cache_check", "right", 0.9712)
    assert (begun["event"], begun["level"], begun["stale_share"]) == ("stale_alarm", "WARNING", 0.2)
    assert (over["event"], over["level"]) == ("stale_alarm_over", "INFO")


def test_the_alarm_is_told_where_decisions_are_not(lines: list[dict[str, object]]) -> None:
    sink = LogSink(decisions=False)
    sink.record(CHECK)
    sink.record(RINGING)
    assert [line["event"] for line in lines] == ["stale_alarm"]
