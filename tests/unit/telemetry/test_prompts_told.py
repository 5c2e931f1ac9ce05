"""What sinks tell of the sections of a declared prompt: the same words everywhere."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client import CollectorRegistry

from litellm_plugins.telemetry.events import PromptAssembled
from litellm_plugins.telemetry.sinks.headers import prompt_headers
from litellm_plugins.telemetry.sinks.langfuse import prompt_notes
from litellm_plugins.telemetry.sinks.log import LogSink
from litellm_plugins.telemetry.sinks.prometheus import PrometheusSink

TOLD = PromptAssembled("support", ("role", "faq"), ("maths",), 40, 12, "chat", "gpt-4.1", "faq", "Sales", "ci-key")


def test_header_log_and_trace_say_it_in_the_same_words(lines: list[dict[str, object]]) -> None:
    LogSink().record(TOLD)
    [line] = lines
    assert (line["prompt"], line["sections"], line["left_out"]) == ("support", ["role", "faq"], ["maths"])
    assert (line["tokens"], line["tokens_left_out"], line["feature"], line["team"]) == (40, 12, "faq", "Sales")
    assert prompt_headers(TOLD) == {
        "x-litellm-plugins-prompt": "support=role+faq",
        "x-litellm-plugins-prompt-tokens-left-out": "12",
    }
    notes = prompt_notes(TOLD)
    assert notes.tags == ("prompt:support",)
    assert notes.metadata == {"prompt": "support=role+faq", "prompt_tokens_left_out": 12}


def test_where_no_section_applies_that_is_told() -> None:
    assert prompt_headers(replace(TOLD, sections=()))["x-litellm-plugins-prompt"] == "support=none"


def test_sections_and_tokens_are_counted_by_whether_they_were_sent() -> None:
    registry = CollectorRegistry()
    sink = PrometheusSink(registry)
    sink.record(TOLD)
    sink.record(TOLD)

    def sections(section: str, sent: str) -> float | None:
        labels = {"prompt": "support", "section": section, "sent": sent}
        return registry.get_sample_value("litellm_plugins_prompt_sections_total", labels)

    def tokens(sent: str) -> float | None:
        labels = {"prompt": "support", "sent": sent}
        return registry.get_sample_value("litellm_plugins_prompt_section_tokens_total", labels)

    assert [sections("role", "yes"), sections("faq", "yes"), sections("maths", "no")] == [2, 2, 2]
    assert sections("maths", "yes") is None
    assert [tokens("yes"), tokens("no")] == [80, 24]
