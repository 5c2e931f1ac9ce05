"""What sinks tell of requests that were not let in."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from litellm_plugins.model import RefusalReason
from litellm_plugins.telemetry.events import RequestRefused
from litellm_plugins.telemetry.sinks.headers import refusal_headers
from litellm_plugins.telemetry.sinks.log import LogSink
from litellm_plugins.telemetry.sinks.prometheus import PrometheusSink

REFUSED = RequestRefused(RefusalReason.TOO_MANY_TOOLS, "chat", "small", team="Support", key="ci-key")


def test_the_header_names_the_reason() -> None:
    assert refusal_headers(REFUSED) == {
        "x-litellm-plugins-admission": "refused",
        "x-litellm-plugins-admission-reason": "too_many_tools",
    }


def test_refusals_are_counted_and_invented_models_make_no_series() -> None:
    registry = CollectorRegistry()
    sink = PrometheusSink(registry, known_model=lambda name: name == "small")
    for model_group in ("small", "nobodys", "mine"):
        sink.record(RequestRefused(RefusalReason.TOO_MANY_TOOLS, "chat", model_group))

    def counted(model_group: str) -> float | None:
        labels = {"reason": "too_many_tools", "endpoint": "chat", "model_group": model_group}
        return registry.get_sample_value("litellm_plugins_refused_total", labels)

    assert (counted("small"), counted("other"), counted("mine")) == (1, 2, None)


def test_the_log_has_a_line_unless_decisions_are_off(lines: list[dict[str, object]]) -> None:
    LogSink(decisions=False).record(REFUSED)
    LogSink().record(REFUSED)
    assert [line["event"] for line in lines] == ["request_refused"]
    told = {name: lines[0][name] for name in ("reason", "endpoint", "model", "team", "key")}
    assert list(told.values()) == ["too_many_tools", "chat", "small", "Support", "ci-key"]
