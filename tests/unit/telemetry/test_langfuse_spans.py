"""Decisions as spans, and the ids that Langfuse files them under."""

from __future__ import annotations

import uuid
from hashlib import sha256

from litellm.integrations.langfuse.langfuse_sdk import resolve_observation_id, resolve_trace_id

from litellm_plugins.model import BudgetReason, BudgetState, Step
from litellm_plugins.telemetry.events import BudgetDecided
from litellm_plugins.telemetry.sinks.langfuse_spans import decided_spans, span_id_of, trace_id_of
from tests.unit.telemetry.events import hit, miss

STEPS = (
    Step("exact", 100.0, 0.001, "lookup"),
    Step("embed", 100.001, 0.004, "lookup"),
    Step("lookup", 100.0, 0.006),
    Step("reserve", 100.01, 0.002),
)


def test_a_stage_is_a_span_and_tells_what_its_steps_took() -> None:
    lookup, reserve = decided_spans(STEPS, miss())

    assert (lookup.name, reserve.name) == ("plugins.lookup", "plugins.reserve")
    assert (lookup.began_s, round(lookup.ended_s, 6)) == (100.0, 100.006)
    assert {
        name: value for name, value in lookup.metadata.items() if name.endswith("_ms") and name != "decision_ms"
    } == {
        "exact_ms": 1.0,
        "embed_ms": 4.0,
    }
    assert not any(name.endswith("_ms") for name in reserve.metadata)


def test_a_stage_tells_what_came_of_it_and_no_text_of_users() -> None:
    budget = BudgetDecided(BudgetState.DEGRADED, BudgetReason.DEGRADED_AT_MARK, "small", budget="team-day")
    lookup, *_, reserve = decided_spans(STEPS, hit(), budget)

    assert lookup.metadata["cache_reason"] == "above_threshold"
    assert "cache_matched_question" not in lookup.metadata
    assert reserve.metadata == {"budget_state": "degraded", "budget_reason": "degraded_at_mark", "budget": "team-day"}


def test_a_second_look_up_is_the_one_that_counts() -> None:
    again = (*STEPS, Step("search", 100.02, 0.001, "lookup"), Step("lookup", 100.019, 0.003))
    spans = decided_spans(again, hit())

    first, second = (span for span in spans if span.name == "plugins.lookup")
    assert first.metadata == {"exact_ms": 1.0, "embed_ms": 4.0}
    assert second.metadata["cache"] == "semantic"
    assert second.metadata["search_ms"] == 1.0
    assert "embed_ms" not in second.metadata


def test_nothing_was_timed_and_nothing_is_told() -> None:
    assert decided_spans((), miss()) == ()


def test_ids_are_those_that_the_host_makes_of_them() -> None:
    plain = uuid.uuid4()
    for given in (str(plain), plain.hex, plain.hex.upper(), "my-trace", "0" * 32, "ünï"):
        assert trace_id_of(given) == resolve_trace_id(given)
        assert span_id_of(given[:16]) == resolve_observation_id(given[:16])
    assert trace_id_of(str(plain)) == plain.hex
    assert trace_id_of("my-trace") == sha256(b"my-trace").hexdigest()[:32]
