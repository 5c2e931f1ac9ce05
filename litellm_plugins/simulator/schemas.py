"""A small instance of a JSON schema, filled from the question that was asked."""

import math
import re
from collections.abc import Mapping
from typing import Any

from litellm_plugins.simulator.draws import Draws

Schema = Mapping[str, Any]

_MANY_LEVELS = 5  # from here on the way out of a recursive schema is taken
_LARGEST = 1_000_000_000
_EXCLUSIVE_MARGIN = 0.001
_MAX_LEVELS = 40  # a schema that never ends gets a null here
_FORMATS = {
    "date": "2025-01-31",
    "date-time": "2025-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "P1D",
    "email": "customer@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "7b0c9b4e-6f0e-4c55-9a53-0d6c1c6d8f10",
}


def instance(schema: Schema, question: str, seed: bytes, mark: str = "") -> object:
    """A value that the schema accepts, the same for the same arguments.

    Required properties only, or all of them where none is required. Free strings are words of the question,
    with `mark` after them where it fits; numbers are the question's where it has one. `pattern`, `not` and
    `if` are not looked at.
    """
    return _Writer(schema, question, seed, mark).value(schema, 0)


class _Writer:
    def __init__(self, root: Schema, question: str, seed: bytes, mark: str) -> None:
        self._root = root
        self._draws = Draws(seed)
        self._words = _telling_words(question)
        self._numbers = [int(digits) for digits in re.findall(r"\b\d{1,9}\b", question)]
        self._mark = mark

    def value(self, schema: Schema, level: int) -> object:
        schema = self._resolved(schema, level)
        for given in ("const", "default"):
            if given in schema:
                return schema[given]
        if schema.get("enum"):
            return self._draws.choice(schema["enum"])
        return self._of_type(_type_of(schema), schema, level)

    def _of_type(self, kind: str, schema: Schema, level: int) -> object:
        if level > _MAX_LEVELS or kind == "null":
            return None
        if kind == "object":
            properties: Mapping[str, Schema] = schema.get("properties", {})
            names = schema.get("required") or ([] if level > _MANY_LEVELS else list(properties))
            return {name: self.value(properties.get(name, {"type": "string"}), level + 1) for name in names}
        if kind == "array":
            items = schema.get("items", {"type": "string"})
            return [self.value(items, level + 1) for _ in range(schema.get("minItems", 0))]
        if kind == "boolean":
            return self._draws.below(2) == 1
        return self._string(schema) if kind == "string" else self._number(schema, whole=kind == "integer")

    def _resolved(self, schema: Schema, level: int) -> Schema:
        """The schema without references and alternatives."""
        for _ in range(_MAX_LEVELS):
            if "$ref" in schema:
                rest = {key: value for key, value in schema.items() if key != "$ref"}
                schema = {**_pointed_at(self._root, schema["$ref"]), **rest}
            elif options := schema.get("anyOf") or schema.get("oneOf"):
                null = next((option for option in options if option.get("type") == "null"), None)
                schema = null if null is not None and level > _MANY_LEVELS else options[0]
            elif "allOf" in schema:
                schema = _merged([self._resolved(part, level) for part in schema["allOf"]])
            else:
                break
        return schema

    def _string(self, schema: Schema) -> str:
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        word = self._draws.choice(self._words)
        longest, shortest = schema.get("maxLength"), schema.get("minLength", 0)
        marked = f"{word} {self._mark}" if self._mark else word
        text = marked if longest is None or len(marked) <= longest else word[:longest]
        return text.ljust(shortest, ".")

    def _number(self, schema: Schema, *, whole: bool) -> float:
        low, high = _bounds(schema, whole=whole)
        wanted = self._draws.choice(self._numbers) if self._numbers else 1 + self._draws.below(9)
        inside = max(low, min(wanted, high))
        if step := schema.get("multipleOf"):
            inside = max(inside // step * step, math.ceil(low / step) * step)
        return int(inside) if whole else inside


def _type_of(schema: Schema) -> str:
    declared = schema.get("type")
    if isinstance(declared, list):
        return str(declared[0])
    if declared is not None:
        return str(declared)
    return "object" if "properties" in schema else "array" if "items" in schema else "string"


def _bounds(schema: Schema, *, whole: bool) -> tuple[float, float]:
    """The smallest and the largest value."""
    low: float = schema.get("minimum", -_LARGEST)
    high: float = schema.get("maximum", _LARGEST)
    low, high = (math.ceil(low), math.floor(high)) if whole else (low, high)
    if "exclusiveMinimum" in schema:
        above = schema["exclusiveMinimum"]
        low = max(low, math.floor(above) + 1 if whole else above + _EXCLUSIVE_MARGIN)
    if "exclusiveMaximum" in schema:
        below = schema["exclusiveMaximum"]
        high = min(high, math.ceil(below) - 1 if whole else below - _EXCLUSIVE_MARGIN)
    return low, high


def _merged(parts: list[Schema]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part in parts:
        properties = {**merged.get("properties", {}), **part.get("properties", {})}
        required = [*merged.get("required", []), *part.get("required", [])]
        merged |= part
        merged |= {"properties": properties, "required": required} if properties else {}
    return merged


def _pointed_at(root: Schema, pointer: str) -> Schema:
    target: Any = root
    for part in pointer.removeprefix("#").strip("/").split("/"):
        target = target.get(part, {}) if part else target
    return target if isinstance(target, dict) else {}


def _telling_words(question: str) -> list[str]:
    """Names where the question has some, else its longest words."""
    words = re.findall(r"[^\W\d_][\w'-]*", question)
    names = [word for word in words[1:] if word[0].isupper() and len(word) > 1]
    return names or sorted(set(words), key=lambda word: (-len(word), word))[:3] or ["example"]
