"""What a JSON schema says of the objects in an answer, as far as providers' structured outputs know it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]
_PLAIN = frozenset(
    {
        *("type", "title", "description", "format", "pattern", "$schema", "$comment", "nullable", "deprecated"),
        *("minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "readOnly", "writeOnly"),
    }
)
_DATA = ("enum", "const", "default", "examples")
_DEFS = ("$defs", "definitions")
_UNIONS = ("anyOf", "oneOf", "allOf")
_HOLDING = frozenset(
    {*_DATA, *_DEFS, *_UNIONS, "$ref", "properties", "required", "additionalProperties", "items", "prefixItems"}
)
_UNDECLARED = "\0"  # a key that no schema declares
_MOST_NODES, _MOST_LOOKS, _DEEPEST, _MOST_SAMPLED = 5_000, 20_000, 64, 5_000
_MOST_TIMES = 1_000_000  # that one key is taken to stand in an answer: lists in lists multiply


class Unfit(ValueError):
    """The schema is left alone; says which keyword, or what else, is the reason."""


def is_closed(schema: Schema) -> bool:
    """Whether an object of it has the declared keys and no others."""
    return schema.get("additionalProperties") is False


def positions(schema: Schema) -> list[Schema]:
    """Every node that may describe an object. Raises: Unfit."""
    nodes = list(_nodes(schema))
    for node in nodes:
        _check(node, schema)
    for alternatives in _places(schema):
        _check_union(alternatives)
    return [node for node in nodes if "properties" in node or "required" in node]


def _places(root: Schema) -> Iterator[tuple[Schema, ...]]:
    """What may stand at every place of an answer, each combination once."""
    waiting, seen, looks = [expanded(root, (root,))], set(), 0
    while waiting:
        alternatives = waiting.pop()
        known = frozenset(map(id, alternatives))
        if not alternatives or known in seen:
            continue
        seen.add(known)
        names = {name for each in alternatives for name in each.get("properties") or ()}
        looks += len(alternatives) * (1 + len(names))
        if len(seen) > _MOST_NODES or looks > _MOST_LOOKS:
            raise Unfit("too_large")
        yield alternatives
        waiting += [of_key(root, alternatives, name) for name in (*names, _UNDECLARED)]
        waiting.append(of_items(root, alternatives))


def expanded(root: Schema, nodes: Sequence[Any]) -> tuple[Schema, ...]:
    """The nodes with references followed and unions opened, each once."""
    found: dict[int, Schema] = {}
    seen: set[int] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop(0)
        if not isinstance(node, Mapping) or id(node) in seen:
            continue
        seen.add(id(node))
        more = [each for name in _UNIONS for each in node.get(name) or ()]
        if "$ref" in node:
            more.append(resolved(root, node["$ref"]))
        if more:
            waiting += more
        else:
            found[id(node)] = node
    return tuple(found.values())


def of_items(root: Schema, alternatives: Sequence[Schema]) -> tuple[Schema, ...]:
    """What the items of a list may be."""
    held = [alternative.get("items") for alternative in alternatives]
    held += [each for alternative in alternatives for each in alternative.get("prefixItems") or ()]
    return expanded(root, held)


def of_key(root: Schema, alternatives: Sequence[Schema], name: str) -> tuple[Schema, ...]:
    """What the value of a key may be, by its long name."""
    held = []
    for alternative in alternatives:
        properties = alternative.get("properties") or {}
        held.append(properties[name] if name in properties else alternative.get("additionalProperties"))
    return expanded(root, held)


def resolved(root: Schema, reference: object) -> Any:  # noqa: ANN401 - any JSON
    """The node that `$ref` names. Raises: Unfit."""
    if reference == "#":
        return root
    parts = str(reference).split("/")
    if len(parts) == 3 and parts[0] == "#" and parts[1] in _DEFS:
        held = root.get(parts[1])
        if isinstance(held, Mapping) and isinstance(held.get(parts[2]), Mapping):
            return held[parts[2]]
    raise Unfit("$ref")


def sample_names(root: Schema, items: int) -> Counter[str]:
    """The keys of a whole answer with so many items in each list, and how often each stands there."""
    found: Counter[str] = Counter()
    waiting: list[tuple[Any, int, tuple[int, ...]]] = [(each, 1, ()) for each in expanded(root, (root,))[:1]]
    looked = 0
    while waiting and looked < _MOST_SAMPLED:
        node, times, above = waiting.pop()
        if id(node) in above or len(above) > _DEEPEST:  # what holds itself ends somewhere
            continue
        inside, held_by_name = (*above, id(node)), node.get("properties") or {}
        looked += 1 + len(held_by_name)
        for name, held in held_by_name.items():
            found[name] = min(_MOST_TIMES, found[name] + times)
            waiting += [(each, times, inside) for each in _likely(expanded(root, (held,)))]
        more = min(_MOST_TIMES, times * items)
        waiting += [(each, more, inside) for each in _likely(of_items(root, (node,)))]
    return found


def _likely(alternatives: Sequence[Schema]) -> Sequence[Schema]:
    """One of a union: that which is not null."""
    return [each for each in alternatives if each.get("type") != "null"][:1]


def _nodes(root: Schema) -> Iterator[Schema]:
    waiting: list[tuple[Any, int]] = [(root, 0)]
    told = 0
    while waiting:
        node, depth = waiting.pop(0)
        if not isinstance(node, Mapping):
            if isinstance(node, bool):
                continue
            raise Unfit("not a schema")
        told += 1
        if told > _MOST_NODES or depth > _DEEPEST:
            raise Unfit("too_large")
        yield node
        waiting += [(each, depth + 1) for each in _inner(node)]


def _inner(node: Schema) -> Iterator[Any]:
    for name in ("properties", *_DEFS):
        held = node.get(name)
        if held is not None and not isinstance(held, Mapping):
            raise Unfit(name)
        yield from (held or {}).values()
    for name in ("prefixItems", *_UNIONS):
        held = node.get(name)
        if held is not None and not isinstance(held, list):
            raise Unfit(name)
        yield from held or ()
    for name in ("items", "additionalProperties"):
        if name in node:
            yield node[name]


def _check(node: Schema, root: Schema) -> None:
    unknown = node.keys() - _PLAIN - _HOLDING
    if unknown:
        raise Unfit(min(unknown))
    for name in _DATA:
        if _holds_object(node.get(name)):
            raise Unfit(name)
    if any(name in node for name in _DEFS) and node is not root:
        raise Unfit("$defs")
    if "$ref" in node:
        resolved(root, node["$ref"])
    opened = [name for name in (*_UNIONS, "$ref") if name in node]
    if len(opened) > 1 or (
        opened and {"properties", "required", "items", "prefixItems", "additionalProperties"} & node.keys()
    ):
        raise Unfit(opened[0])
    if len(node.get("allOf") or ()) > 1:
        raise Unfit("allOf")
    required = node.get("required", [])
    if not isinstance(required, list) or not all(isinstance(each, str) for each in required):
        raise Unfit("required")


def _check_union(alternatives: Sequence[Schema]) -> None:
    """Where an object may be a closed one or an open one, nobody could say whose a key is."""
    objects = [each for each in alternatives if _may_be_object(each)]
    free = [each for each in objects if not is_closed(each)]
    if free and len(free) < len(objects):
        raise Unfit("open and closed objects in one place")


def _holds_object(held: object) -> bool:
    return isinstance(held, Mapping) or (isinstance(held, list) and any(map(_holds_object, held)))


def _may_be_object(node: Schema) -> bool:
    kinds = node.get("type", "object")
    is_one = "object" in kinds if isinstance(kinds, list) else kinds == "object"
    return "properties" in node or (is_one and "enum" not in node and "const" not in node)
