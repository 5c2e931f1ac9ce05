"""What a response says of itself."""

import pytest
from openai.types.completion_usage import CompletionUsage

from litellm_plugins.demo.arrivals import Ask
from litellm_plugins.demo.questions import Question
from litellm_plugins.demo.traffic import Outcome, read
from litellm_plugins.model import Layer

ASK = Ask(0, "support", Question("When does my card arrive?", "card_arrival"), stream=False)
USAGE = CompletionUsage(prompt_tokens=50, completion_tokens=100, total_tokens=150)


def outcome_of(
    headers: dict[str, str], text: str = "Hi [ref 0123abcd].", usage: CompletionUsage | None = USAGE
) -> Outcome:
    return read(ASK, text, usage, headers, started_s=1.0, ended_s=1.25)


def test_a_hit_tells_layer_similarity_entry_cost_and_saving() -> None:
    outcome = outcome_of(
        {
            "x-litellm-plugins-cache": "semantic",
            "x-litellm-plugins-cache-similarity": "0.9312",
            "x-litellm-plugins-cache-id": "e1",
            "x-litellm-plugins-saved-usd": "0.0009",
            "x-litellm-response-cost": "0.0",
        }
    )
    assert (outcome.layer, outcome.similarity, outcome.cache_id) == (Layer.SEMANTIC, 0.9312, "e1")
    assert (outcome.cost_nano_usd, outcome.saved_nano_usd) == (0, 900_000)
    assert outcome.is_hit
    assert outcome.answered == "0123abcd"
    assert outcome.latency_ms == 250


def test_a_cost_in_scientific_notation_is_read_to_the_nano_dollar() -> None:
    outcome = outcome_of({"x-litellm-plugins-cache": "miss", "x-litellm-response-cost": "2.6e-05"})
    assert outcome.cost_nano_usd == 26_000
    assert not outcome.is_hit


def test_a_response_without_a_cost_says_so_rather_than_zero() -> None:
    assert outcome_of({"x-litellm-plugins-cache": "miss"}).cost_nano_usd is None


def test_an_answer_without_a_reference_or_usage_is_read_all_the_same() -> None:
    outcome = outcome_of({"x-litellm-plugins-cache": "bypass"}, text="", usage=None)
    assert outcome.answered is None
    assert (outcome.prompt_tokens, outcome.completion_tokens) == (0, 0)


def test_a_response_that_does_not_say_what_the_cache_did_is_a_fault() -> None:
    with pytest.raises(ValueError, match="is the pack loaded"):
        outcome_of({"x-litellm-response-cost": "0.1"})
