"""Tools counted as OpenAI's models read them."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.simulator.tokens import tokenizer_for
from litellm_plugins.simulator.tool_definitions import definition_tokens

# What gpt-3.5-turbo billed, less the 8 tokens of the message "hello": https://github.com/hmarr/openai-chat-tokens.
NOTHING: dict[str, Any] = {"type": "object", "properties": {}}
TEXT, NUMBER = {"type": "string"}, {"type": "number"}
NESTED = {"type": "object", "properties": {"bar": {**TEXT, "enum": ["a", "b", "c"]}, "baz": {"type": "boolean"}}}
INGREDIENT = {
    "type": "object",
    "required": ["name", "unit", "amount"],
    "properties": {
        "name": TEXT,
        "unit": {"enum": ["grams", "ml", "cups", "pieces", "teaspoons"], **TEXT},
        "amount": NUMBER,
    },
}
RECIPE = {
    "type": "object",
    "required": ["ingredients", "instructions", "time_to_cook"],
    "properties": {
        "ingredients": {"type": "array", "items": INGREDIENT},
        "instructions": {"type": "array", "items": TEXT, "description": "Steps to prepare the recipe (no numbering)"},
        "time_to_cook": {**NUMBER, "description": "Total time to prepare the recipe in minutes"},
    },
}


def bing_bong(**properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties}
    return {"name": "bing_bong", "description": "Do a bing bong", "parameters": parameters}


@pytest.mark.parametrize(
    ("function", "billed"),
    [
        ({"name": "foo", "parameters": NOTHING}, 31),
        ({"name": "foo", "description": "Do a foo", "parameters": NOTHING}, 36),
        (bing_bong(foo=TEXT), 49),
        (bing_bong(foo=TEXT, bar={**NUMBER, "description": "A number"}), 57),
        (bing_bong(foo=NESTED), 68),
        ({"name": "get_recipe", "parameters": RECIPE}, 106),
    ],
)
def test_a_function_counts_what_openai_bills_for_it(function: dict[str, Any], billed: int) -> None:
    assert definition_tokens([function], tokenizer_for("gpt-3.5-turbo"), with_system=False) == billed - 8


def test_beside_a_system_message_it_counts_four_less() -> None:
    """`Hello:` and `Hi there` alone are 15, with this function 35 were billed."""
    function = {"name": "do_stuff", "parameters": NOTHING}
    assert definition_tokens([function], tokenizer_for("gpt-3.5-turbo"), with_system=True) == 35 - 15


def test_no_function_counts_nothing_and_an_odd_schema_breaks_nothing() -> None:
    count = tokenizer_for("gpt-4o")
    assert definition_tokens([], count, with_system=True) == 0
    odd = {"name": "f", "parameters": {"properties": {"a": True, "b": {"type": ["string", "null"]}}, "required": 3}}
    assert definition_tokens([odd, {"name": "g"}], count, with_system=False) > 20
