"""What a client reads whose request was refused: an OpenAI-shaped error may be all that it gets to see."""

from __future__ import annotations

from typing import Any

from litellm_plugins.budgets import refusals
from litellm_plugins.budgets.amounts import NANO, Metric
from litellm_plugins.budgets.policy import Ask, BudgetPolicy, Covering
from litellm_plugins.budgets.standing import Standing
from litellm_plugins.model import Identity
from litellm_plugins.settings import parse

NOW = 1_792_878_000_000  # Saturday, 24 October 2026, 23:40 in Madrid; the clocks go back in the night
HOUR = 3_600_000


def covering(budget: dict[str, Any]) -> Covering:
    who = Identity(key_id="ab" * 32, team_id="t1", team_alias="support")
    policy = BudgetPolicy(parse({"budgets": [{"name": "team-day", "scope": "team", "limit_usd": 50} | budget]}))
    (found,) = policy.covering(Ask(who), now_ms=NOW)
    return found


def no_room(
    budget: dict[str, Any],
    *,
    metric: Metric = "nano_usd",
    free_at_ms: int | None = NOW + HOUR,
    limit: int = 50 * NANO,
    spent: int = 49_870_000_000,
    asked: int = 250_000_000,
) -> str:
    standing = Standing(covering(budget), metric, limit, spent, 0)
    return refusals.no_room(standing, asked, now_ms=NOW, free_at_ms=free_at_ms)


def test_it_names_budget_holder_limit_spend_and_reset() -> None:
    assert no_room({"timezone": "Europe/Madrid"}) == (
        "Budget team-day of team support has no room for this request: limit $50.00, spent $49.87, reserved $0.00, "
        "this request up to $0.25. It resets at 2026-10-25 00:00:00 Europe/Madrid (in 1200 s)."
    )


def test_the_reset_is_by_the_clocks_of_the_budget_s_zone() -> None:
    """The 25 hours of the day on which they go back."""
    now_ms = NOW + HOUR
    found = BudgetPolicy(parse({"budgets": [{"name": "day", "limit_usd": 1, "timezone": "Europe/Madrid"}]})).covering(
        Ask(Identity()), now_ms=now_ms
    )[0]
    text = refusals.no_room(Standing(found, "nano_usd", NANO, NANO, 0), 1, now_ms=now_ms, free_at_ms=now_ms + HOUR)
    assert text.startswith("Budget day has no room")
    assert text.endswith("It resets at 2026-10-26 00:00:00 Europe/Madrid (in 87600 s).")


def test_a_rolling_window_has_no_reset_but_a_time_when_there_is_room() -> None:
    text = no_room({"window": "30d"})
    assert text.endswith("It has room for it again at 2026-10-24 22:40:00 UTC (in 3600 s).")
    assert "resets" not in text


def test_a_request_that_alone_is_too_large_is_told_so() -> None:
    text = no_room({}, free_at_ms=None, asked=90 * NANO)
    assert text.endswith("It is more than a whole window may hold: waiting does not help, a smaller request may.")


def test_tokens_and_requests_are_told_in_their_own_words() -> None:
    text = no_room({}, metric="tokens", limit=1_000_000, spent=999_999, asked=1)
    assert "limit 1,000,000 tokens, spent 999,999 tokens, reserved 0 tokens, this request up to 1 token." in text
    text = no_room({}, metric="requests", limit=1, spent=1, asked=1)
    assert "limit 1 request, spent 1 request, reserved 0 requests, this request up to 1 request." in text


def test_small_amounts_are_told_to_the_nano_dollar() -> None:
    text = no_room({}, limit=1_500, spent=1_499, asked=2)
    assert "limit $0.0000015, spent $0.000001499, reserved $0.00, this request up to $0.000000002." in text


def test_a_cap_tells_what_to_do() -> None:
    text = refusals.above_cap(covering({}), 2 * NANO, 3 * NANO)
    assert text.startswith("Budget team-day of team support allows $2.00 for a single request, and this one may cost")
    assert "up to $3.00" in text


def test_a_model_without_a_price_is_named_with_the_setting_that_helps() -> None:
    text = refusals.unpriced(covering({}), "mystery")
    assert "The model mystery has no price" in text
    assert "ledger.prices" in text


def test_no_refusal_shows_a_hash() -> None:
    budget = {"scope": "key"}
    found = BudgetPolicy(parse({"budgets": [{"name": "mine", "limit_usd": 1} | budget]})).covering(
        Ask(Identity(key_id="ab" * 32)), now_ms=NOW
    )[0]
    texts = [
        refusals.no_room(Standing(found, "nano_usd", 1, 1, 0), 1, now_ms=NOW, free_at_ms=None),
        refusals.above_cap(found, 1, 2),
        refusals.unpriced(found, "mystery"),
        refusals.ledger_unavailable(found),
    ]
    assert all("Budget mine of this key" in text and "abab" not in text for text in texts if "mystery" not in text)
    assert not any("abab" in text for text in texts)
