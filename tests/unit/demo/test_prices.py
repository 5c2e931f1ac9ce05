"""Prices from LiteLLM's own list."""

from decimal import Decimal

import pytest

from litellm_plugins.demo import DemoFailed
from litellm_plugins.demo.prices import Price, price_of


def test_the_demos_model_is_on_the_list_in_whole_nano_dollars() -> None:
    price = price_of("gpt-4.1")
    assert (price.prompt, price.completion) == (Decimal(2_000), Decimal(8_000))


def test_a_cost_is_tokens_times_price() -> None:
    assert Price(Decimal(2_000), Decimal(8_000)).cost_nano_usd(50, 100) == 900_000


def test_a_model_without_a_price_is_refused_by_name() -> None:
    with pytest.raises(DemoFailed, match="nonesuch"):
        price_of("nonesuch")
