"""What a trace says of a decision."""

from __future__ import annotations

import json

from litellm_plugins.model import Layer, Reason
from litellm_plugins.telemetry.sinks.langfuse import notes_for
from tests.unit.telemetry.events import hit, miss


def test_a_hit_can_be_filtered_by_its_tag_and_charted_by_its_numbers() -> None:
    """The matched question too: the trace is the place to judge a hit, and the only one that may see it."""
    notes = notes_for(hit())
    assert notes.tags == ("cache:semantic",)
    assert notes.metadata == {
        "cache": "semantic",
        "cache_reason": "above_threshold",
        "cache_class": "faq",
        "decision_ms": 1.234,
        "cache_similarity": 0.9434,
        "cache_id": "0123abcd",
        "saved_usd": 1.234e-06,
        "saved_tokens": 17,
        "cache_matched_question": "Where is my card?",
    }


def test_a_miss_says_why_and_claims_no_saving() -> None:
    """So that a filter on saved_usd finds hits only."""
    notes = notes_for(miss(similarity=0.5))
    assert notes.tags == ("cache:miss",)
    assert notes.metadata == {
        "cache": "miss",
        "cache_reason": "below_threshold",
        "decision_ms": 1.234,
        "cache_similarity": 0.5,
    }


def test_what_the_verifier_thought_can_be_charted() -> None:
    assert notes_for(miss(probability=0.98765)).metadata["cache_probability"] == 0.9877
    assert "cache_probability" not in notes_for(miss()).metadata


def test_the_notes_are_plain_values_whatever_was_decided() -> None:
    """The host serialises the metadata its own way; an enum may come out as its name there."""
    for layer in Layer:
        for reason in Reason:
            notes = notes_for(hit(layer=layer, reason=reason))
            assert {type(value) for value in notes.metadata.values()} <= {str, float, int}
            assert type(notes.tags[0]) is str
            assert json.loads(json.dumps(notes.metadata))["cache_reason"] == str(reason)
