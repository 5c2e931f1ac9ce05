"""Does a value keep to a JSON schema? The keywords that structured outputs know; others are taken to hold.

No pattern is matched and nothing is fetched: the schema is the client's, and may be made to take long. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_MOST_DEEP = 40
_MOST_STEPS = 20_000
_AS_QUICK = 20  # names of an enum are compared in the time of one step

_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    ),
}
_BOUNDS: Mapping[str, tuple[type | tuple[type, ...], Callable[[Any, Any], bool]]] = {
    "minimum": ((int, float), lambda value, bound: value >= bound),
    "maximum": ((int, float), lambda value, bound: value <= bound),
    "exclusiveMinimum": ((int, float), lambda value, bound: value > bound),
    "exclusiveMaximum": ((int, float), lambda value, bound: value < bound),
    "minLength": (str, lambda value, bound: len(value) >= bound),
    "maxLength": (str, lambda value, bound: len(value) <= bound),
    "minItems": (list, lambda value, bound: len(value) >= bound),
    "maxItems": (list, lambda value, bound: len(value) <= bound),
}


def keeps_to(value: object, schema: object) -> bool:
    """Whether `value` is of the shape. A schema that makes no sense holds nothing against it."""
    return _Look(schema).at(value, schema, 0)


class _Look:
    def __init__(self, root: object) -> None:
        self._root, self._left = root, _MOST_STEPS

    def at(self, value: object, schema: object, depth: int) -> bool:
        self._left -= 1
        if schema is False:
            return False
        if not isinstance(schema, Mapping) or depth > _MOST_DEEP or self._left < 0:
            return True
        if isinstance(named := schema.get("enum"), list):
            self._left -= len(named) // _AS_QUICK
        if "$ref" in schema and not self.at(value, self._referred(schema["$ref"]), depth + 1):
            return False
        return (
            _is_typed(value, schema.get("type"))
            and _is_named(value, schema)
            and _is_bounded(value, schema)
            and self._inside(value, schema, depth + 1)
            and self._combined(value, schema, depth + 1)
        )

    def _referred(self, ref: object) -> object:
        """Within the schema itself."""
        if not isinstance(ref, str) or not ref.startswith("#"):
            return True
        found: object = self._root
        for step in ref.lstrip("#").split("/")[1:]:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        return True if found is None else found

    def _inside(self, value: object, schema: Mapping[str, Any], depth: int) -> bool:
        if isinstance(value, list):
            items = schema.get("items")
            return all(self.at(each, items, depth) for each in value)
        if not isinstance(value, dict):
            return True
        known, more = schema.get("properties"), schema.get("additionalProperties", True)
        known = known if isinstance(known, Mapping) else {}
        wanted = schema.get("required")
        if isinstance(wanted, list) and any(isinstance(name, str) and name not in value for name in wanted):
            return False
        if "patternProperties" in schema:
            more = True
        return all(self.at(each, known.get(name, more), depth) for name, each in value.items())

    def _combined(self, value: object, schema: Mapping[str, Any], depth: int) -> bool:
        holds = {
            name: [self.at(value, each, depth) for each in schema[name]]
            for name in ("allOf", "anyOf", "oneOf")
            if isinstance(schema.get(name), list)
        }
        return (
            all(holds.get("allOf", []))
            and any(holds.get("anyOf", [True]))
            and ("oneOf" not in holds or sum(holds["oneOf"]) == 1)
        )


def _is_typed(value: object, kind: object) -> bool:
    kinds = kind if isinstance(kind, list) else [kind]
    known = [_TYPES[each] for each in kinds if isinstance(each, str) and each in _TYPES]
    return not known or any(is_so(value) for is_so in known)


def _is_named(value: object, schema: Mapping[str, Any]) -> bool:
    if "const" in schema and not _same(value, schema["const"]):
        return False
    named = schema.get("enum")
    return not isinstance(named, list) or any(_same(value, each) for each in named)


def _same(one: object, other: object) -> bool:
    return bool(one == other) and isinstance(one, bool) is isinstance(other, bool)


def _is_bounded(value: object, schema: Mapping[str, Any]) -> bool:
    for name, (kind, holds) in _BOUNDS.items():
        bound = schema.get(name)
        applies = isinstance(bound, int | float) and isinstance(value, kind) and not isinstance(value, bool)
        if applies and not holds(value, bound):
            return False
    return True
