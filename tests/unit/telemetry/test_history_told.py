"""What sinks tell of conversations that were cut: the same words in each."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client import CollectorRegistry

from litellm_plugins.model import HistoryOutcome, HistoryReason
from litellm_plugins.telemetry.events import HistoryCut
from litellm_plugins.telemetry.sinks.headers import history_headers
from litellm_plugins.telemetry.sinks.langfuse import history_notes
from litellm_plugins.telemetry.sinks.log import LogSink
from litellm_plugins.telemetry.sinks.prometheus import PrometheusSink

CUT = HistoryCut(
    outcome=HistoryOutcome.SUMMARISED,
    reason=HistoryReason.OVER_BUDGET,
    endpoint="chat",
    model_group="gpt-4.1",
    team="Sales",
    key="ci-key",
    feature="chat",
    turns=40,
    turns_gone=31,
    tokens_before=9_000,
    tokens_after=5_000,
    saved_nano_usd=8_000_000,
    took_ms=812.5,
)
LATE = replace(CUT, outcome=HistoryOutcome.WHOLE, reason=HistoryReason.DEADLINE, tokens_before=None, tokens_after=None)


def test_the_headers_tell_what_was_sent_and_why() -> None:
    assert history_headers(CUT) == {
        "x-litellm-plugins-history": "summarised",
        "x-litellm-plugins-history-reason": "over_budget",
        "x-litellm-plugins-history-turns": "40",
        "x-litellm-plugins-history-turns-gone": "31",
        "x-litellm-plugins-history-tokens-before": "9000",
        "x-litellm-plugins-history-tokens-after": "5000",
    }
    assert history_headers(LATE) == {
        "x-litellm-plugins-history": "whole",
        "x-litellm-plugins-history-reason": "deadline",
    }


def test_the_log_line_says_the_same(lines: list[dict[str, object]]) -> None:
    LogSink().record(CUT)
    [line] = lines
    assert (line["event"], line["history"], line["reason"]) == ("history_decision", "summarised", "over_budget")
    assert (line["turns"], line["turns_gone"], line["saved_usd"]) == (40, 31, "0.008")


def test_the_trace_is_tagged_and_has_both_counts() -> None:
    notes = history_notes(CUT)
    assert notes.tags == ("history:summarised",)
    assert (notes.metadata["history_reason"], notes.metadata["history_turns_gone"]) == ("over_budget", 31)
    assert "history_tokens_before" not in history_notes(LATE).metadata


def test_what_was_saved_is_counted_by_its_cause_and_a_longer_summary_saves_nothing() -> None:
    registry = CollectorRegistry()
    sink = PrometheusSink(registry)
    for event in (CUT, LATE, replace(CUT, tokens_before=100, tokens_after=150, saved_nano_usd=0)):
        sink.record(event)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"litellm_plugins_{name}", {**labels, "model_group": "gpt-4.1"})

    assert value("histories_total", outcome="summarised", reason="over_budget") == 2
    assert value("histories_total", outcome="whole", reason="deadline") == 1
    assert value("history_tokens_total", when="before") == 9_100
    assert value("history_tokens_total", when="after") == 5_150
    assert value("saved_tokens_total", cause="history") == 4_000
    assert value("saved_usd_total", cause="history") == 0.008
