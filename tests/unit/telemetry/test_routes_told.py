"""What sinks tell of routes."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client import CollectorRegistry

from litellm_plugins.model import RouteReason
from litellm_plugins.telemetry.events import RouteDecided
from litellm_plugins.telemetry.sinks.headers import route_headers
from litellm_plugins.telemetry.sinks.langfuse import route_notes
from litellm_plugins.telemetry.sinks.log import LogSink
from litellm_plugins.telemetry.sinks.prometheus import PrometheusSink

ROUTED = RouteDecided(
    "auto", "strong", "gpt-4.1", 0.87654, RouteReason.SCORE, ("maths", "long"), "heuristic", "auto", "Sales", "ci-key"
)
SHADOWED = replace(ROUTED, shadow=True)


def test_the_headers_tell_tier_model_and_why() -> None:
    assert route_headers(ROUTED) == {
        "x-litellm-plugins-route-tier": "strong",
        "x-litellm-plugins-route-model": "gpt-4.1",
        "x-litellm-plugins-route-reason": "score",
        "x-litellm-plugins-route-score": "0.8765",
        "x-litellm-plugins-route-scorer": "heuristic",
        "x-litellm-plugins-route-because": "maths,long",
    }


def test_in_shadow_mode_the_headers_claim_nothing_that_was_not_done() -> None:
    assert route_headers(SHADOWED) == {
        "x-litellm-plugins-route-would": "strong",
        "x-litellm-plugins-route-score": "0.8765",
    }


def test_routes_and_those_of_shadow_mode_are_counted_apart() -> None:
    registry = CollectorRegistry()
    sink = PrometheusSink(registry)
    for event in (ROUTED, ROUTED, SHADOWED):
        sink.record(event)

    def counted(mode: str) -> float | None:
        labels = {"router": "auto", "tier": "strong", "reason": "score", "mode": mode}
        return registry.get_sample_value("litellm_plugins_routed_total", labels)

    assert (counted("active"), counted("shadow")) == (2, 1)


def test_the_log_line_says_why(lines: list[dict[str, object]]) -> None:
    LogSink().record(ROUTED)
    [line] = lines
    assert line["event"] == "route_decision"
    assert (line["router"], line["tier"], line["to"], line["because"]) == (
        "auto",
        "strong",
        "gpt-4.1",
        ["maths", "long"],
    )
    assert line["shadow"] is False


def test_the_trace_is_tagged_with_the_tier() -> None:
    assert route_notes(ROUTED).tags == ("tier:strong",)
    assert route_notes(SHADOWED).tags == ("would-tier:strong",)
    assert route_notes(ROUTED).metadata["route_because"] == "maths, long"


def test_an_arm_is_told_everywhere(lines: list[dict[str, object]]) -> None:
    event = replace(ROUTED, experiment="trial", arm="b", max_tokens=300)
    registry = CollectorRegistry()
    PrometheusSink(registry).record(event)
    LogSink().record(event)
    headers, notes = route_headers(event), route_notes(event)

    told = [headers[f"x-litellm-plugins-route-{name}"] for name in ("experiment", "arm", "max-tokens")]
    assert told == ["trial", "b", "300"]
    assert notes.tags == ("tier:strong", "arm:b")
    assert (notes.metadata["route_experiment"], notes.metadata["route_max_tokens"]) == ("trial", 300)
    assert (lines[0]["experiment"], lines[0]["arm"], lines[0]["max_tokens"]) == ("trial", "b", 300)
    labels = {"router": "auto", "tier": "strong", "experiment": "trial", "arm": "b", "mode": "active"}
    assert registry.get_sample_value("litellm_plugins_route_arms_total", labels) == 1
    assert route_notes(replace(event, shadow=True)).tags == ("would-tier:strong", "would-arm:b")
