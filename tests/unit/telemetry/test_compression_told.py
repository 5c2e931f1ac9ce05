"""What sinks tell of compressed prompts: the same words in each."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client import CollectorRegistry

from litellm_plugins.model import Layer
from litellm_plugins.telemetry.events import CallFinished, Event, PromptCompressed
from litellm_plugins.telemetry.sinks.headers import compression_headers
from litellm_plugins.telemetry.sinks.langfuse import compression_notes
from litellm_plugins.telemetry.sinks.log import LogSink
from litellm_plugins.telemetry.sinks.prometheus import PrometheusSink

APPLIED = PromptCompressed(
    "applied", ("lossless",), "chat", "gpt-4.1", "Sales", "ci-key", "rag", 5_700, 1_500, 8_400_000, 41.5
)
LATE = replace(APPLIED, reason="deadline", tokens_before=None, tokens_after=None, saved_nano_usd=0)


def test_the_headers_tell_why_and_both_counts() -> None:
    assert compression_headers(APPLIED) == {
        "x-litellm-plugins-compression": "applied",
        "x-litellm-plugins-compression-tokens-before": "5700",
        "x-litellm-plugins-compression-tokens-after": "1500",
    }
    assert compression_headers(LATE) == {"x-litellm-plugins-compression": "deadline"}


def test_the_log_line_says_the_same(lines: list[dict[str, object]]) -> None:
    LogSink().record(APPLIED)
    [line] = lines
    assert (line["event"], line["compression"], line["methods"]) == ("compression_decision", "applied", ["lossless"])
    assert (line["tokens_before"], line["tokens_after"], line["saved_usd"]) == (5_700, 1_500, "0.0084")


def test_the_trace_is_tagged_and_has_both_counts() -> None:
    notes = compression_notes(APPLIED)
    assert notes.tags == ("compression:applied",)
    assert (notes.metadata["compression_tokens_before"], notes.metadata["compression_tokens_after"]) == (5_700, 1_500)
    assert "compression_tokens_before" not in compression_notes(LATE).metadata


def test_what_was_saved_is_counted_by_its_cause_and_what_was_late_is_not() -> None:
    registry = CollectorRegistry()
    sink = PrometheusSink(registry)
    ends = [
        CallFinished(0.0, "chat", "gpt-4.1", layer, "success", saved_nano_usd=8_400_000, saved_tokens=4_200)
        for layer in (Layer.MISS, Layer.OFF, Layer.EXACT)  # the last is a hit, which another event counts
    ]
    events: list[Event] = [APPLIED, APPLIED, LATE, *ends]
    for event in events:
        sink.record(event)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"litellm_plugins_{name}", {**labels, "model_group": "gpt-4.1"})

    assert value("compressions_total", reason="applied", method="lossless") == 2
    assert value("compressions_total", reason="deadline", method="lossless") == 1
    assert value("compression_tokens_total", when="before") == 11_400
    assert value("compression_tokens_total", when="after") == 3_000
    assert value("saved_tokens_total", cause="compression") == 8_400
    assert value("saved_usd_total", cause="compression") == 0.0168
