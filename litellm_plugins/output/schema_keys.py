"""A JSON schema with shorter property names: what is renamed, and the way back. Pure.

Only names of objects that are closed (`additionalProperties: false`) are renamed: in any other a key may be data. The
long name goes into the property's description, unless title or description say it already, so the model reads what it
is to write. A schema that holds anything whose meaning is not known here is left alone, with the reason.
"""

from __future__ import annotations

import itertools
import re
import string
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from litellm_plugins.output.schema_walk import Unfit, expanded, is_closed, of_items, positions, sample_names

Schema = Mapping[str, Any]
Count = Callable[[str], int]
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])|\w")
_DESCRIBED = 4  # tokens of `"description":""`, about


@dataclass(frozen=True, slots=True)
class Shortened:
    """The schema as it is sent, the original, and its long names by their short ones."""

    schema: dict[str, Any]
    original: Schema
    long_of: Mapping[str, str]
    saved_tokens: int  # of the schema and of an answer, with some items in each list
    of_tool: bool = False  # the answer is the arguments of a tool


def shortened(schema: Schema, count: Count, *, min_saved: int, expected_items: int) -> Shortened | None:
    """The schema with shorter names; None: that would save less than `min_saved` tokens. Raises: Unfit."""
    places = positions(schema)
    uses = sample_names(schema, expected_items)
    long_of = _chosen(schema, places, uses, count)
    if not long_of:
        return None
    short_of = {long: short for short, long in long_of.items()}
    made = _renamed(schema, short_of)
    reply = sum(uses[long] * (count(_quoted(long)) - count(_quoted(short))) for short, long in long_of.items())
    saved = count(_written(schema)) - count(_written(made)) + reply
    return Shortened(made, schema, long_of, saved) if saved >= max(1, min_saved) else None


def _chosen(schema: Schema, places: list[Schema], uses: Counter[str], count: Count) -> dict[str, str]:
    """Long names by their short ones, of those that each save something by themselves."""
    declared: Counter[str] = Counter()
    required: Counter[str] = Counter()
    described: Counter[str] = Counter()
    kept: set[str] = set()  # names that stay as they are somewhere, and so everywhere
    for place in places:
        for name, held in (place.get("properties") or {}).items():
            declared[name] += 1
            if not is_closed(place) or not isinstance(held, Mapping) or "$ref" in held or not name:
                kept.add(name)
            else:
                described[name] += not _says(held, name)
        required.update(place.get("required") or ())
    names, made = _fresh(set(declared) | set(required)), {}
    short = next(names)
    for name in declared:
        if name in kept:
            continue
        less = count(_quoted(name)) - count(_quoted(short))
        cost = described[name] * (_DESCRIBED + count(name))
        if less * (declared[name] + required[name] + uses[name]) > cost:
            made[short] = name
            short = next(names)
    return made


def _fresh(taken: set[str]) -> Iterator[str]:
    for length in itertools.count(1):
        for letters in itertools.product(string.ascii_lowercase, repeat=length):
            if (name := "".join(letters)) not in taken:
                yield name


def _renamed(node: Any, short_of: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(node, list):
        return [_renamed(each, short_of) for each in node]
    if not isinstance(node, Mapping):
        return node
    made: dict[str, Any] = {}
    for keyword, held in node.items():
        if keyword == "properties":
            closed = is_closed(node)
            made[keyword] = {
                (short_of.get(name, name) if closed else name): _told(_renamed(each, short_of), name)
                if closed and name in short_of
                else _renamed(each, short_of)
                for name, each in held.items()
            }
        elif keyword == "required":
            closed = is_closed(node)
            made[keyword] = [short_of.get(name, name) if closed else name for name in held]
        elif keyword in ("$defs", "definitions"):
            made[keyword] = {name: _renamed(each, short_of) for name, each in held.items()}
        elif keyword in ("items", "prefixItems", "anyOf", "oneOf", "allOf", "additionalProperties"):
            made[keyword] = _renamed(held, short_of)
        else:
            made[keyword] = held
    return made


def _told(held: dict[str, Any], name: str) -> dict[str, Any]:
    if _says(held, name):
        return held
    said = held.get("description")
    return {**held, "description": f"{name}: {said}" if said else name}


def _says(held: Schema, name: str) -> bool:
    """Whether every word of the name stands in its title or description."""
    told = f"{held.get('title') or ''} {held.get('description') or ''}".lower()
    words = set(re.findall(r"\w+", told))
    return all(word.lower() in words for word in _WORDS.findall(name.replace("_", " ")))


def _quoted(name: str) -> str:
    return f'"{name}":'


def _written(schema: Any) -> str:  # noqa: ANN401 - any JSON
    return orjson.dumps(schema).decode()


__all__ = ["Shortened", "Unfit", "expanded", "of_items", "shortened"]
