"""The end of a request, as log lines and metrics tell it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from litellm_plugins.model import Layer
from litellm_plugins.telemetry.events import (
    DriftMeasured,
    Event,
    OwnSpent,
    QueueMeasured,
    StoreMeasured,
    Telemetry,
    TextEmbedded,
    VerifierMeasured,
)
from litellm_plugins.telemetry.sinks.log import LogSink
from litellm_plugins.telemetry.sinks.prometheus import PrometheusSink
from tests.unit.telemetry.calls import call
from tests.unit.telemetry.events import miss

HIT = {"layer": Layer.EXACT, "spent_nano_usd": 0, "own_nano_usd": 0, "attempts": 0, "saved_nano_usd": 360_000}


class Scrape:
    def __init__(self, *events: Event) -> None:
        self.registry = CollectorRegistry()
        sink = PrometheusSink(self.registry)
        for event in events:
            sink.record(event)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"litellm_plugins_{name}", labels)


def test_a_call_is_counted_timed_and_priced() -> None:
    scrape = Scrape(call(), call(**HIT, model="", prompt_tokens=0, cached_prompt_tokens=0, completion_tokens=0))
    labels = {"ending": "success", "fault": "", "model_group": "small", "endpoint": "chat"}
    assert scrape.value("calls_total", layer="miss", **labels) == 1
    assert scrape.value("calls_total", layer="exact", **labels) == 1
    assert scrape.value("spent_usd_total", cause="provider", model_group="small") == pytest.approx(0.00036)
    assert scrape.value("spent_usd_total", cause="own", model_group="small") == pytest.approx(1.4e-7)
    assert scrape.value("team_spent_usd_total", team="Support") == pytest.approx(0.00036014)
    assert scrape.value("team_calls_total", team="Support") == 2
    tokens = [scrape.value("tokens_total", direction=each, model_group="small") for each in DIRECTIONS]
    assert tokens == [100, 64, 20]
    assert scrape.value("call_seconds_sum", layer="miss", model_group="small") == pytest.approx(0.81234)
    assert scrape.value("first_token_seconds_sum", layer="miss", model_group="small") == pytest.approx(0.0956)
    assert scrape.value("attempts_total", model_group="small") == 2


DIRECTIONS = ("prompt", "cached_prompt", "completion")


def test_what_the_pack_spends_after_the_end_is_added() -> None:
    scrape = Scrape(call(), OwnSpent(call(), 60))
    assert scrape.value("spent_usd_total", cause="own", model_group="small") == pytest.approx(2e-7)
    assert scrape.value("team_spent_usd_total", team="Support") == pytest.approx(0.0003602)
    assert scrape.value("team_calls_total", team="Support") == 1


def test_a_whole_answer_has_no_first_token() -> None:
    scrape = Scrape(call(first_token_ms=None))
    assert scrape.value("first_token_seconds_count", layer="miss", model_group="small") is None


def test_the_verifier_s_probability_is_observed() -> None:
    scrape = Scrape(miss(probability=0.97))
    assert scrape.value("score_ratio_sum", layer="miss") == pytest.approx(0.97)


def test_the_parts_are_measured() -> None:
    scrape = Scrape(
        QueueMeasured("usage", 7, {"full": 3}),
        QueueMeasured("usage", 0, {"full": 1, "failed": 2}),
        VerifierMeasured(412, 400, {"0.01": 0.0084}),
        StoreMeasured(1_000, None),
        StoreMeasured(2_000, 4_000),
        DriftMeasured("day", 0.25),
        TextEmbedded(12.5),
    )
    assert scrape.value("queue_depth", queue="usage") == 0
    assert scrape.value("dropped_total", sink="usage", reason="full") == 4
    assert scrape.value("dropped_total", sink="usage", reason="failed") == 2
    assert (scrape.value("verifier_labels"), scrape.value("verifier_fit_version")) == (412, 400)
    assert scrape.value("verifier_error_ratio", rate="0.01") == 0.0084
    assert [scrape.value("redis_memory_bytes", kind=kind) for kind in ("used", "max")] == [2_000, 4_000]
    assert scrape.value("ledger_drift_ratio", budget="day") == 0.25
    assert scrape.value("embedding_seconds_sum") == pytest.approx(0.0125)


def test_a_sink_that_raises_costs_the_others_nothing_and_is_counted() -> None:
    class Broken:
        def record(self, event: Event) -> None:
            raise RuntimeError("no")

    registry = CollectorRegistry()
    Telemetry([Broken(), PrometheusSink(registry)]).emit(call())
    labels = {"layer": "miss", "ending": "success", "fault": "", "model_group": "small", "endpoint": "chat"}
    assert registry.get_sample_value("litellm_plugins_calls_total", labels) == 1
    assert registry.get_sample_value("litellm_plugins_dropped_total", {"sink": "Broken", "reason": "raised"}) == 1


def test_a_line_tells_all_but_who_it_was_for(lines: list[dict[str, Any]]) -> None:
    LogSink().record(call())
    line = lines[0]
    assert {name: line[name] for name in line if name not in ("time", "level")} == {
        "event": "call_finished",
        "cache": "miss",
        "endpoint": "chat",
        "model_group": "small",
        "ending": "success",
        "team": "Support",
        "key": "ci-key",
        "stream": True,
        "attempts": 2,
        "call_id": "call-1",
        "cost_usd": "0.00036",
        "took_ms": 812.3,
        "model": "small",
        "deployment": "gpt-4.1",
        "provider": "openai",
        "feature": "faq",
        "trace_id": "trace-1",
        "prompt_tokens": 100,
        "cached_prompt_tokens": 64,
        "completion_tokens": 20,
        "own_usd": "0.00000014",
        "first_token_ms": 95.6,
    }


def test_users_are_named_only_where_the_settings_say_so(lines: list[dict[str, Any]]) -> None:
    LogSink(users=True).record(call())
    assert (lines[0]["user"], lines[0]["end_user"]) == ("ann", "customer-7")
    LogSink().record(call())
    assert "customer-7" not in json.dumps(lines[1])


def test_a_log_that_is_off_says_nothing_of_calls(lines: list[dict[str, Any]]) -> None:
    LogSink(decisions=False).record(call())
    assert lines == []
