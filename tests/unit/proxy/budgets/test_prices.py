"""The dearest that may apply, from the host's own price list and from a deployment's own prices."""

from __future__ import annotations

from typing import Any

import litellm
import pytest

from litellm_plugins.budgets.estimate import Price
from litellm_plugins.proxy.budgets.prices import Listing, PriceBook
from litellm_plugins.proxy.budgets.tariff import HostTariff
from litellm_plugins.proxy.budgets.tokens import Asked
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


TIERS = [
    {"range": [256_000.0, 1_000_000.0], "input_cost_per_token": "2.5e-07", "output_cost_per_token": 2e-6},
    {"range": [0, 256_000.0], "input_cost_per_token": 5e-8, "output_cost_per_token": 4e-7},
]


@pytest.mark.parametrize(
    ("prompt_tokens", "dearest"),
    [(1, (50, 400)), (256_000, (50, 400)), (256_001, (250, 2_000)), (9_000_000, (250, 2_000))],
)
def test_prices_by_length_are_the_dearest_that_the_prompt_may_reach(
    prompt_tokens: int, dearest: tuple[float, float]
) -> None:
    listing = Listing("group", "model", "provider", {"tiered_pricing": TIERS}, {})
    found = listing.price(prompt_tokens=prompt_tokens)
    assert listing.is_priced
    assert found is not None
    assert (float(found.input), float(found.output)) == dearest


def test_where_the_lengths_leave_a_gap_the_dearest_of_all_holds() -> None:
    """The host takes the last one for what fits nowhere."""
    gap = [{**TIERS[1], "range": [0, 100]}, {**TIERS[0], "range": [200, 300], "output_cost_per_reasoning_token": 9e-6}]
    found = Listing("group", "model", "provider", {"tiered_pricing": gap}, {}).price(prompt_tokens=150)
    assert found is not None
    assert (float(found.input), float(found.output)) == (250, 9_000)


@pytest.mark.parametrize("nonsense", [[], "free", [{}], [{"range": [0]}], [{"range": [0, 9]}], None])
def test_a_table_without_a_price_is_none(nonsense: object) -> None:
    assert not Listing("group", "model", "provider", {"tiered_pricing": nonsense}, {}).is_priced


async def test_every_model_of_the_host_with_prices_by_length_is_reserved_for_as_the_host_bills_it() -> None:
    """Whatever the length: never less, and for one whose range is all it takes no more."""
    names = [name for name, info in litellm.model_cost.items() if "tiered_pricing" in info and info["mode"] == "chat"]
    assert len(names) > 20
    for name in names:
        info = litellm.model_cost[name]
        for prompt_tokens in (100, 32_000, 32_001, 130_000, 500_000):
            usage = litellm.Usage(prompt_tokens=prompt_tokens, completion_tokens=1_000)
            asked, answered = litellm.cost_per_token(name, usage_object=usage)
            found = Listing("group", name, info["litellm_provider"], info, {}).price(prompt_tokens=prompt_tokens)
            assert found is not None
            reserved = float(found.input * prompt_tokens + found.output * 1_000)
            assert reserved >= (asked + answered) * 1e9 * 0.999_999


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
