"""The dearest that may apply, from the host's own price list and from a deployment's own prices."""

from __future__ import annotations

from typing import Any

import litellm
import pytest

from litellm_plugins.budgets.estimate import Price
from litellm_plugins.proxy.budget_prices import Listing, PriceBook
from litellm_plugins.proxy.budget_tariff import HostTariff
from litellm_plugins.proxy.budget_tokens import Asked
from litellm_plugins.settings.budgets import Ledger

pytestmark = pytest.mark.filterwarnings(
    "ignore:Items? .* on TypedDict class:UserWarning"
)  # the host's, of its own models
DEAR = {
    "input_cost_per_token": 1e-6,
    "output_cost_per_token": 2e-6,
    "input_cost_per_token_priority": 3e-6,
    "output_cost_per_token_priority": 4e-6,
    "input_cost_per_token_batches": 9e-6,
    "cache_creation_input_token_cost": 2e-6,
    "cache_creation_input_token_cost_above_200k_tokens": 8e-6,
    "provider_specific_entry": {"us": 1.1, "fast": 2.0},
}


def price(**asked: Any) -> tuple[float, float]:
    """Nano-dollars for a token in and a token out."""
    found = Listing("group", "model", "provider", DEAR, {}).price(**{"prompt_tokens": 10, **asked})
    assert isinstance(found, Price)
    return float(found.input), float(found.output)


@pytest.mark.parametrize(
    ("asked", "dearest"),
    [
        ({}, (1_000, 2_000)),
        ({"tiered": True}, (3_000, 4_000)),
        ({"writes_cache": True}, (2_000, 2_000)),
        ({"writes_cache": True, "prompt_tokens": 200_001}, (8_000, 2_000)),
        ({"surcharges": ["FAST"]}, (2_000, 4_000)),
        ({"surcharges": ["fast", "us", "eu"]}, (2_200, 4_400)),
    ],
)
def test_what_the_request_chooses_is_in_the_price(asked: dict[str, Any], dearest: tuple[float, float]) -> None:
    assert price(**asked) == dearest


async def test_priority_is_reserved_for_as_the_host_prices_it() -> None:
    params = {"model": "openai/gpt-4.1", "api_base": "http://127.0.0.1:1/v1", "api_key": "sk-x"}
    router = litellm.Router(model_list=[{"model_name": "group", "litellm_params": params}])
    book = PriceBook({}, router=lambda: router)

    async def reserved(**more: Any) -> int:
        body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 10, **more}
        offer = await HostTariff(book, Asked(body, "chat"), rules=Ledger(), team_id=None).offer("group", None)
        assert offer is not None
        return offer.amount.nano_usd

    standard = await reserved()
    assert await reserved(service_tier="default") == standard
    assert await reserved(service_tier="priority") > 1.7 * standard
