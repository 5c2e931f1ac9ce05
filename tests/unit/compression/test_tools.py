"""Tool definitions: what is left out, what never is, and that a schema accepts what it did."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st

from litellm_plugins.compression.lossless import compact_tools
from litellm_plugins.simulator.tokens import tokenizer_for

# As pydantic and FastMCP write them: a title on everything, nulls as defaults, examples, docstrings.
BOOKING: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "book_room",
        "description": "Book a hotel room for one or more guests.\n\n    Never books without a confirmed price.",
        "strict": None,
        "parameters": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "BookRoomArguments",
            "type": "object",
            "$defs": {
                "Guest": {
                    "title": "Guest",
                    "type": "object",
                    "properties": {
                        "first_name": {
                            "title": "First Name",
                            "type": "string",
                            "description": "First name",
                            "examples": ["Ann"],
                        },
                        "age": {
                            "title": "Age",
                            "type": "integer",
                            "minimum": 0,
                            "deprecated": False,
                            "examples": [42, 7],
                        },
                    },
                    "required": ["first_name"],
                },
                "Unused": {"title": "Unused", "type": "object", "properties": {"x": {"type": "string"}}},
            },
            "properties": {
                "hotel_id": {
                    "title": "Hotel Id",
                    "type": "string",
                    "description": "The hotel id.",
                    "examples": ["H-17", "H-18"],
                },
                "check_in": {
                    "title": "Check In",
                    "type": "string",
                    "format": "date",
                    "examples": ["2024-05-01", "2024-06-15"],
                },
                "nights": {
                    "title": "Nights",
                    "type": "integer",
                    "minimum": 1,
                    "maximum": 30,
                    "default": 1,
                    "examples": [1, 7],
                },
                "board": {
                    "title": "Board",
                    "enum": ["none", "half", "full", None],
                    "default": None,
                    "examples": ["half"],
                },
                "guests": {
                    "title": "Guests",
                    "type": "array",
                    "minItems": 0,
                    "uniqueItems": False,
                    "items": {"$ref": "#/$defs/Guest"},
                },
                "notes": {
                    "title": "Notes",
                    "anyOf": [{"type": "string"}, {"type": "null"}],
                    "default": None,
                    "examples": ["late arrival"],
                },
                "title": {"title": "Title", "type": "string", "description": "Mr, Ms, or none", "minLength": 0},
            },
            "required": ["hotel_id", "check_in", "guests"],
            "additionalProperties": False,
        },
    },
}


def test_what_says_nothing_goes() -> None:
    schema = compact_tools([BOOKING])[0]["function"]["parameters"]
    assert schema["properties"]["hotel_id"] == {"type": "string"}
    assert schema["properties"]["nights"] == {"type": "integer", "minimum": 1, "maximum": 30, "default": 1}
    assert schema["properties"]["notes"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert list(schema["$defs"]) == ["Guest"]


def test_names_types_enums_required_and_order_stay() -> None:
    after = compact_tools([BOOKING])[0]
    schema = after["function"]["parameters"]
    assert after["function"]["name"] == "book_room"
    assert list(schema["properties"]) == list(BOOKING["function"]["parameters"]["properties"])
    assert schema["properties"]["title"] == {"type": "string", "description": "Mr, Ms, or none"}
    assert schema["properties"]["board"]["enum"] == ["none", "half", "full", None]
    assert schema["required"] == ["hotel_id", "check_in", "guests"]
    assert schema["additionalProperties"] is False


def test_a_tool_keeps_what_it_says_of_itself() -> None:
    after = compact_tools([BOOKING])[0]["function"]
    assert after["description"] == "Book a hotel room for one or more guests.\n\nNever books without a confirmed price."
    assert "strict" not in after


def test_the_definitions_that_came_in_stay_as_they_are() -> None:
    before = copy.deepcopy(BOOKING)
    compact_tools([BOOKING])
    assert before == BOOKING


def test_anthropics_form_and_tools_that_are_not_ours_to_know() -> None:
    tools: list[dict[str, Any]] = [
        {
            "name": "get",
            "description": "Get it",
            "input_schema": {"type": "object", "title": "Get", "properties": {"q": {"title": "Q", "type": "string"}}},
        },
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3, "user_location": {"title": "x"}},
    ]
    assert compact_tools(tools) == [
        {
            "name": "get",
            "description": "Get it",
            "input_schema": {"type": "object", "properties": {"q": {"type": "string"}}},
        },
        tools[1],
    ]


def test_a_title_or_a_description_that_says_something_stays() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "cc": {"type": "string", "title": "ISO 3166 country code"},
            "limit": {"type": "integer", "description": "limit <= 100"},
            "días": {"type": "integer", "description": "Días"},
            "x": {"const": None},
            "y": {"type": ["string", "null"], "default": None},
        },
        "required": ["y"],
    }
    assert compact_tools([{"name": "t", "input_schema": schema}])[0]["input_schema"] == schema


def test_a_schema_of_five_hundred_tokens_takes_no_more_than_240() -> None:
    count = tokenizer_for("gpt-4").count
    before = count(json.dumps(BOOKING))
    after = count(json.dumps(compact_tools([BOOKING])[0], separators=(",", ":")))
    assert 500 <= before <= 540
    assert after <= 240


_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 40), st.text("ab1", max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["hotel_id", "check_in", "nights", "board", "guests", "notes", "first_name", "age", "title", "z"]
            ),
            inner,
            max_size=6,
        ),
    ),
    max_leaves=12,
)
_LEAVES = st.sampled_from(
    [
        {"type": "string", "title": "A"},
        {"type": "integer", "minimum": 2, "examples": [1]},
        {"enum": ["a", None, 1], "default": None},
        {"const": None, "title": "x"},
        {"type": ["string", "null"], "minLength": 0},
        {"type": "array", "uniqueItems": False},
        {"type": "string", "minLength": 2},
        {"type": "array", "uniqueItems": True, "minItems": 1},
        {"not": {"type": "null", "title": "n"}},
        {"$ref": "#/$defs/D"},
    ]
)
_SCHEMAS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.dictionaries(
                    st.sampled_from(["title", "nights", "z", "examples", "default"]), inner, max_size=3
                ),
            },
            optional={
                "required": st.lists(st.sampled_from(["title", "z"]), unique=True),
                "additionalProperties": st.one_of(st.booleans(), inner),
            },
        ),
        st.builds(lambda one, other: {"anyOf": [one, other], "title": "T"}, inner, inner),
        st.builds(lambda one: {"type": "array", "items": one, "example": []}, inner),
    ),
    max_leaves=6,
)


@given(_SCHEMAS, st.lists(_VALUES, min_size=1, max_size=6))
@settings(deadline=None, max_examples=200)
def test_a_schema_accepts_what_it_did(schema: dict[str, Any], values: list[Any]) -> None:
    whole = {**schema, "$defs": {"D": {"title": "D", "type": "integer", "maximum": 5}, "Unused": {"type": "string"}}}
    tight = compact_tools([{"name": "t", "input_schema": whole}])[0]["input_schema"]
    was, now = jsonschema.Draft202012Validator(whole), jsonschema.Draft202012Validator(tight)
    assert [was.is_valid(value) for value in values] == [now.is_valid(value) for value in values]


@given(_VALUES)
@settings(deadline=None, max_examples=200)
def test_a_booking_is_accepted_as_before(value: Any) -> None:
    tight = compact_tools([BOOKING])[0]["function"]["parameters"]
    was = jsonschema.Draft202012Validator(BOOKING["function"]["parameters"])
    assert was.is_valid(value) == jsonschema.Draft202012Validator(tight).is_valid(value)
