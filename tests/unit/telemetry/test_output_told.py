"""What sinks tell of output limits: the same words everywhere."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from litellm_plugins.model import OutputBy, OutputLimit
from litellm_plugins.telemetry.events import OutputLimited
from litellm_plugins.telemetry.sinks.headers import output_headers
from litellm_plugins.telemetry.sinks.langfuse import output_notes
from litellm_plugins.telemetry.sinks.log import LogSink
from litellm_plugins.telemetry.sinks.prometheus import PrometheusSink

LIMITS = (
    OutputLimit("max_tokens", OutputBy.FEATURE, "300"),
    OutputLimit("brief", OutputBy.ALL),
    OutputLimit("stop", OutputBy.UNSUPPORTED, "none"),
)
LIMITED = OutputLimited(LIMITS, "chat", "gpt-4.1", "help", "Sales", "ci-key")
WORDS = ["max_tokens=300(feature)", "brief(all)", "stop=none(unsupported)"]


def test_header_log_and_trace_say_it_in_the_same_words(lines: list[dict[str, object]]) -> None:
    LogSink().record(LIMITED)
    [line] = lines
    notes = output_notes(LIMITS)
    assert line["output"] == WORDS
    assert output_headers(LIMITS) == {"x-litellm-plugins-output": ",".join(WORDS)}
    assert notes.metadata == {"output": ",".join(WORDS)}
    assert notes.tags == ("output:max_tokens", "output:brief"), "tagged by what was done, not by what was not"


def test_where_nothing_was_limited_nothing_is_told() -> None:
    assert output_headers(()) == {}
    assert output_notes(()).tags == ()
    assert output_notes(()).metadata == {}


def test_each_limit_is_counted_by_what_set_it() -> None:
    registry = CollectorRegistry()
    sink = PrometheusSink(registry)
    sink.record(LIMITED)
    sink.record(LIMITED)

    def counted(kind: str, by: str) -> float | None:
        return registry.get_sample_value("litellm_plugins_output_limits_total", {"kind": kind, "by": by})

    assert [counted("max_tokens", "feature"), counted("brief", "all"), counted("stop", "unsupported")] == [2, 2, 2]
