"""Instances of JSON schemas."""

from typing import Any

import jsonschema
import pytest

from litellm_plugins.simulator.schemas import instance

TREE: dict[str, Any] = {
    "$defs": {
        "Node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
            },
            "required": ["name", "next"],
        }
    },
    "$ref": "#/$defs/Node",
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "flat": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
    "bounds": {"type": "integer", "minimum": 3, "exclusiveMaximum": 5},
    "open bounds": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5},
    "steps": {"type": "integer", "minimum": 7, "maximum": 16, "multipleOf": 5},
    "lengths": {"type": "string", "minLength": 12, "maxLength": 14},
    "enum": {"enum": ["a", "b", None]},
    "const": {"const": 7},
    "array": {"type": "array", "items": {"type": "boolean"}, "minItems": 2},
    "nullable": {"type": ["string", "null"]},
    "union": {"oneOf": [{"type": "integer"}, {"type": "object"}]},
    "merged": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
            {"properties": {"b": {"type": "integer"}}, "required": ["b"]},
        ]
    },
    "date": {"type": "string", "format": "date-time"},
    "recursive": TREE,
    "anything": {},
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_instance_is_valid(name: str) -> None:
    """Structured output that breaks its own schema would fail in the client's SDK, not in what is tested."""
    schema = SCHEMAS[name]
    for seed in (b"one", b"two", b"three"):
        jsonschema.validate(instance(schema, "What about order 4711 in Paris?", seed, "[ref 0]"), schema)


def test_values_come_from_the_question() -> None:
    """Tool arguments that follow the question are different for different questions, as a model's are."""
    schema = SCHEMAS["flat"]
    assert instance(schema, "How is Paris in 3 days?", b"seed") == {"city": "Paris", "days": 3}
    assert instance(schema, "How is Rome in 5 days?", b"seed") == {"city": "Rome", "days": 5}


def test_only_required_properties_are_given() -> None:
    """The instance is the smallest, as the documentation says."""
    schema = {**SCHEMAS["flat"], "required": ["days"]}
    assert instance(schema, "In 3 days?", b"seed") == {"days": 3}


def test_a_schema_without_an_end_gets_one() -> None:
    """A schema that no value satisfies must not take the server down with it."""
    endless = {"type": "object", "properties": {"self": {"$ref": "#"}}, "required": ["self"]}
    assert isinstance(instance(endless, "", b"seed"), dict)
    assert instance({"$ref": "#"}, "", b"seed") is not None
