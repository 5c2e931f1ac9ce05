"""What a client, or somebody with curl, reads of a decision."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import unquote

import pytest

from litellm_plugins.model import BudgetReason, BudgetState
from litellm_plugins.telemetry.events import BudgetDecided
from litellm_plugins.telemetry.sinks.headers import budget_headers, call_headers, headers_for, usd
from tests.unit.telemetry.events import hit, miss

PREFIX = "x-litellm-plugins-"


def test_a_hit_says_layer_reason_similarity_handle_and_what_it_saved() -> None:
    assert headers_for(hit()) == {
        f"{PREFIX}cache": "semantic",
        f"{PREFIX}cache-reason": "above_threshold",
        f"{PREFIX}cache-class": "faq",
        f"{PREFIX}cache-similarity": "0.9434",
        f"{PREFIX}cache-id": "0123abcd",
        f"{PREFIX}saved-usd": "0.000001234",
        f"{PREFIX}decision-ms": "1.23",
    }


def test_a_miss_says_how_near_the_nearest_was_and_claims_no_saving() -> None:
    assert headers_for(miss(similarity=0.5)) == {
        f"{PREFIX}cache": "miss",
        f"{PREFIX}cache-reason": "below_threshold",
        f"{PREFIX}cache-similarity": "0.5000",
        f"{PREFIX}decision-ms": "1.23",
    }


def test_where_there_was_nothing_to_compare_no_similarity_is_made_up() -> None:
    assert f"{PREFIX}cache-similarity" not in headers_for(miss())


def test_what_the_verifier_thought_is_told_of_hits_and_of_misses() -> None:
    for event in (hit(probability=0.98765), miss(probability=0.98765)):
        assert headers_for(event)[f"{PREFIX}cache-probability"] == "0.9877"
    assert f"{PREFIX}cache-probability" not in headers_for(miss(similarity=0.5))


def test_a_free_hit_says_that_it_saved_nothing() -> None:
    """A self-hosted model: a missing header would look like a miss."""
    assert headers_for(hit(saved_nano_usd=0))[f"{PREFIX}saved-usd"] == "0"


def test_nobodys_words_and_no_names_are_in_a_header() -> None:
    """Headers are logged by every proxy on the way; and not every text can stand in one."""
    told = "".join(headers_for(hit()).values())
    for private in ("Where is", "Support", "ci-key"):
        assert private not in told
    told.encode("ascii")


@pytest.mark.parametrize(
    ("nano_usd", "text"),
    [
        (0, "0"),
        (1, "0.000000001"),
        (10, "0.00000001"),
        (1_234, "0.000001234"),
        (1_000_000, "0.001"),
        (100_000_000, "0.1"),
        (1_000_000_000, "1"),
        (10_000_000_000, "10"),
        (100_000_000_000, "100"),
        (1_500_000_000, "1.5"),
        (2**53, "9007199.254740992"),
        (2**63 - 1, "9223372036.854775807"),
    ],
)
def test_dollars_are_plain_decimals_to_the_last_digit(nano_usd: int, text: str) -> None:
    """No exponent, no rounding, no float."""
    assert usd(nano_usd) == text
    assert Decimal(usd(nano_usd)) * 1_000_000_000 == nano_usd


@pytest.mark.parametrize(
    "name", ["gpt-4.1-mini", "azure/gpt 4", "модель-мини", "模型", "100%", "a\r\nset-cookie: b", "\ud800"]
)
def test_a_model_of_any_name_is_told_in_a_header_that_can_be_sent_and_read_back(name: str) -> None:
    event = BudgetDecided(BudgetState.DEGRADED, BudgetReason.DEGRADED_AT_MARK, "gpt-4.1", degraded_to=name)
    told = budget_headers(event)["x-litellm-plugins-budget-degraded-to"]
    assert told.isascii()
    assert told.isprintable()
    assert " " not in told
    assert unquote(told) == name.encode(errors="replace").decode()


def test_a_plain_name_stands_there_as_it_is() -> None:
    event = BudgetDecided(BudgetState.DEGRADED, BudgetReason.DEGRADED_AT_MARK, "", degraded_to="openai/gpt-4.1:mini@eu")
    assert budget_headers(event)["x-litellm-plugins-budget-degraded-to"] == "openai/gpt-4.1:mini@eu"


def test_attempts_and_own_cost_are_told_where_there_are_any() -> None:
    assert call_headers(2, 340) == {"x-litellm-plugins-attempts": "2", "x-litellm-plugins-own-usd": "0.00000034"}
    assert call_headers(0, 0) == {}
