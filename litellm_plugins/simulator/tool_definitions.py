"""Tools as OpenAI's models are known to read them: as types of TypeScript, which is what they count as.

OpenAI does not publish it; the form is the one that https://github.com/hmarr/openai-chat-tokens found by comparing with
what the API bills: nine tokens more than the text, and four less beside a system message.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from litellm_plugins.simulator.tokens import Tokenizer

_MORE, _LESS_WITH_SYSTEM = 9, 4
_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def definition_tokens(functions: Sequence[Mapping[str, Any]], tokenizer: Tokenizer, *, with_system: bool) -> int:
    """What definitions of functions count as input: none for none."""
    if not functions:
        return 0
    return tokenizer.count(_written(functions)) + _MORE - (_LESS_WITH_SYSTEM if with_system else 0)


def _written(functions: Sequence[Mapping[str, Any]]) -> str:
    lines = ["namespace functions {", ""]
    for each in functions:
        if each.get("description"):
            lines.append(f"// {each['description']}")
        properties = "\n".join(_properties(_mapping(each.get("parameters")), 0))
        lines.append(f"type {each['name']} = " + (f"(_: {{\n{properties}\n}}) => any;" if properties else "() => any;"))
        lines.append("")
    return "\n".join([*lines, "} // namespace functions"])


def _properties(schema: Mapping[str, Any], indent: int) -> Iterator[str]:
    required = schema.get("required")
    for name, held in _mapping(schema.get("properties")).items():
        of_it, margin = _mapping(held), " " * indent
        if of_it.get("description"):
            yield f"{margin}// {of_it['description']}"
        mark = "" if isinstance(required, list) and name in required else "?"
        yield f"{margin}{name}{mark}: {_type(of_it, indent)},"


def _type(schema: Mapping[str, Any], indent: int) -> str:
    kind = schema.get("type")
    if kind in ("string", "integer", "number") and isinstance(schema.get("enum"), list):
        return " | ".join(f'"{each}"' for each in schema["enum"])
    if kind == "array":
        return f"{_type(_mapping(schema.get('items')), indent)}[]"
    if kind == "object":
        return "\n".join(["{", *_properties(schema, indent + 2), "}"])
    return _PLAIN.get(kind, "any") if isinstance(kind, str) else "any"


def _mapping(held: object) -> Mapping[str, Any]:
    return held if isinstance(held, Mapping) else {}
