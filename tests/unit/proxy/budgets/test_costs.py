"""What is booked for a success, by what the host says of it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from litellm.exceptions import (
    APIConnectionError,
    BadRequestError,
    InternalServerError,
    MidStreamFallbackError,
    RateLimitError,
)

from litellm_plugins.budgets.amounts import NOTHING, Amounts
from litellm_plugins.budgets.estimate import Price
from litellm_plugins.proxy.budgets.costs import of_success, was_turned_away

LOGGED = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
RESERVED_AT = Price.per_token(2e-6, 8e-6)
GIVEN = Price.per_token(1e-6, 1e-6)


@pytest.mark.parametrize(
    ("cost", "given", "nano_usd"),
    [
        (3e-8, None, 30),
        (0.0, None, 0),  # a model of one's own
        (None, None, 10 * 2_000 + 5 * 8_000),
        (None, GIVEN, 15_000),
        (0.0, GIVEN, 15_000),
    ],
)
def test_what_the_host_cannot_price_is_not_free(cost: float | None, given: Price | None, nano_usd: int) -> None:
    kwargs: dict[str, Any] = {"response_cost": cost, "standard_logging_object": LOGGED}
    assert of_success(kwargs, given, otherwise=RESERVED_AT) == Amounts(nano_usd, 15, 1)


def test_a_hit_is() -> None:
    kwargs = {"response_cost": None, "cache_hit": True, "standard_logging_object": LOGGED}
    assert of_success(kwargs, None, otherwise=RESERVED_AT) == NOTHING


@pytest.mark.parametrize(
    ("fault", "cause", "turned_away"),
    [
        (BadRequestError("no", "m", "openai"), None, True),
        (RateLimitError("later", "openai", "m"), None, True),
        (InternalServerError("broke", "openai", "m"), httpx.RemoteProtocolError("peer closed"), False),
        (MidStreamFallbackError("broke", "m", "openai"), None, False),
        (APIConnectionError("broke", "openai", "m"), None, False),
    ],
)
def test_a_provider_s_error_is_not_a_connection_that_broke(
    fault: Exception, cause: Exception | None, turned_away: bool
) -> None:
    fault.__cause__ = cause
    assert was_turned_away(fault) is turned_away
