"""What is reserved for what is not priced by its tokens."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.proxy.budgets.pieces import costs_something, has_price, of_pieces

CENT = 10_000_000
LEAST = CENT


@pytest.mark.parametrize(
    ("body", "info", "cents"),
    [
        ({}, {}, 1),
        ({"n": 3}, {}, 3),
        ({"n": 3}, {"output_cost_per_image": 0.04}, 12),
        ({"n": "3"}, {"output_cost_per_image": 0.04}, 4),
        ({"n": 2}, {"input_cost_per_pixel": 1e-07, "output_cost_per_pixel": 0.0}, 2 * 18.350080),
        ({"input": "x" * 10_000}, {"input_cost_per_character": 1.5e-05}, 15),
        ({"input": "short"}, {"input_cost_per_character": 1.5e-05}, 1),
        ({"query": "q"}, {"input_cost_per_query": 0.002}, 1),
        ({"query": "q"}, {"input_cost_per_query": 0.02}, 2),
    ],
)
def test_the_dearest_of_each_piece_is_reserved(body: dict[str, Any], info: dict[str, Any], cents: float) -> None:
    assert of_pieces(body, info, LEAST) == round(cents * CENT)


@pytest.mark.parametrize(
    ("info", "priced", "costs"),
    [
        ({}, False, False),
        ({"mode": "image_generation", "input_cost_per_token": None, "max_tokens": 5}, False, False),
        ({"input_cost_per_token": 0.0}, True, False),
        ({"output_cost_per_second": 0.0001}, True, True),
        ({"input_cost_per_image": True}, False, False),
    ],
)
def test_whether_there_is_a_price_at_all(info: dict[str, Any], priced: bool, costs: bool) -> None:
    assert (has_price(info), costs_something(info)) == (priced, costs)
