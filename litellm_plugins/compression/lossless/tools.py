"""Tool definitions without what no model needs: titles, examples, nulls, what says a name again.

Names, types, enums, `required`, limits and every other constraint stay as they are, and so do their order and defaults
that say something. What a schema accepts is the same before and after.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from litellm_plugins.compression.lossless.chain import tightened

_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_ONE = frozenset({
    "items", "additionalProperties", "additionalItems", "unevaluatedProperties", "unevaluatedItems", "contains",
    "propertyNames", "not", "if", "then", "else",
})  # fmt: skip
_SEVERAL = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_SAYS_NOTHING = frozenset({"examples", "example", "$comment", "$schema"})
_MEANS_NULL = frozenset({"const", "default"})
# What JSON Schema and OpenAPI assume where nothing is said.
_ASSUMED: dict[str, Any] = {
    "deprecated": False, "readOnly": False, "writeOnly": False, "uniqueItems": False, "nullable": False,
    "minLength": 0, "minItems": 0, "minProperties": 0,
}  # fmt: skip
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ARTICLES = frozenset({"a", "an", "the"})


def compact_tools(tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Definitions in OpenAI's or Anthropic's form, made anew; `tools` stays as it is."""
    return [_tool(tool) for tool in tools]


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in tool.items():
        if value is None:
            continue
        if key == "function" and isinstance(value, Mapping):
            out[key] = _tool(value)
        elif key in ("parameters", "input_schema") and isinstance(value, Mapping):
            schema = _schema(value, title_says=False)
            out[key] = _without_unused(schema)
        elif key == "description" and isinstance(value, str):
            if tight := _tight(value):
                out[key] = tight
        else:
            out[key] = value
    return out


def _schema(
    schema: Mapping[str, Any], *, name: str = "", needed: bool = True, title_says: bool = True
) -> dict[str, Any]:
    """One schema.

    Args:
        schema: It.
        name: The property or definition that it describes.
        needed: Whether the property is required: only then does a default of null say anything.
        title_says: Whether a title may be all that is said about it.
    """
    required = schema.get("required")
    out: dict[str, Any] = {}
    for key, value in schema.items():
        if _drops(key, value, needed) or (key == "title" and not (title_says and _title_says(schema, name))):
            continue
        if key == "description" and isinstance(value, str):
            if not _says_again(value, name) and (tight := _tight(value)):
                out[key] = tight
        else:
            out[key] = _below(key, value, required if isinstance(required, list) else [])
    return out


def _below(key: str, value: Any, required: list[Any]) -> Any:  # noqa: ANN401 - JSON
    if key in _NAMED and isinstance(value, Mapping):
        return {
            name: _schema(child, name=name, needed=key != "properties" or name in required)
            if isinstance(child, Mapping)
            else child
            for name, child in value.items()
        }
    if key in _ONE and isinstance(value, Mapping):
        return _schema(value)
    if (key in _SEVERAL or key == "items") and isinstance(value, list):
        return [_schema(child) if isinstance(child, Mapping) else child for child in value]
    return value


def _drops(key: str, value: Any, needed: bool) -> bool:  # noqa: ANN401 - JSON
    if key in _SAYS_NOTHING:
        return True
    if value is None:
        return key not in _MEANS_NULL or (key == "default" and not needed)
    return key in _ASSUMED and type(value) is type(_ASSUMED[key]) and value == _ASSUMED[key]


def _title_says(schema: Mapping[str, Any], name: str) -> bool:
    """A title that is neither the name again nor followed by a description may be the only one there is."""
    title = schema.get("title")
    return isinstance(title, str) and not schema.get("description") and not _says_again(title, name)


def _says_again(text: str, name: str) -> bool:
    """`User ID` or "The user id." of `user_id`; so does a text that says nothing."""
    said = [word.lower() for word in _WORD.findall(text)]
    return (
        (not text.strip() or text.strip().isascii())
        and [word for word in said if word not in _ARTICLES]
        in (
            [],
            [word.lower() for word in _WORD.findall(name)],
        )
        and not set(text) & set("<>=%$#*/+")
    )


def _tight(text: str) -> str:
    """Without the indentation of a docstring."""
    return tightened(inspect.cleandoc(text)).strip()


def _without_unused(schema: dict[str, Any]) -> dict[str, Any]:
    """Without definitions that nothing refers to."""
    out = schema
    for key in ("$defs", "definitions"):
        while isinstance(definitions := out.get(key), dict):
            used = set(_references(out))
            kept = {name: child for name, child in definitions.items() if f"#/{key}/{name}" in used or not _plain(used)}
            if len(kept) == len(definitions):
                break
            out = {name: child for name, child in out.items() if name != key} | ({key: kept} if kept else {})
    return out


def _plain(references: set[str]) -> bool:
    """Whether all of them name a definition of the same schema, and none a place within one."""
    return all(ref.count("/") == 2 and ref.startswith("#/") and "%" not in ref and "~" not in ref for ref in references)


def _references(node: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key in ("$ref", "$dynamicRef") and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for child in node:
            yield from _references(child)
