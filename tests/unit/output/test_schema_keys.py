"""Short names out, long names back: by place, in pieces, cut off, and never where a key may be data."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litellm_plugins.output.json_keys import LongKeys, with_long_keys
from litellm_plugins.output.schema_keys import Shortened, shortened
from litellm_plugins.output.schema_walk import Unfit, expanded, is_closed, of_items, of_key

NAMES = ["customer_full_name", "deliveryAddress", "line_items", "price in euros", "a", "b", "id", 'quo"ted', "größe"]
TEXT = {"type": "string"}


def tokens(text: str) -> int:
    """A stand-in for a tokenizer: some four characters each."""
    return (len(text) + 3) // 4


def made(schema: Mapping[str, Any], *, min_saved: int = 1, items: int = 5) -> Shortened:
    found = shortened(schema, tokens, min_saved=min_saved, expected_items=items)
    assert found is not None
    return found


def closed(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    shape = {"type": "object", "properties": properties, "required": list(properties)}
    return {**shape, "additionalProperties": False, **more}


def short(shape: Shortened, value: Any, nodes: tuple[Any, ...] | None = None) -> Any:
    """What a model that keeps to the short schema would say in place of `value`."""
    root = shape.original
    nodes = expanded(root, (root,)) if nodes is None else nodes
    if isinstance(value, list):
        return [short(shape, each, of_items(root, nodes)) for each in value]
    if not isinstance(value, dict):
        return value
    short_of = {long: name for name, long in shape.long_of.items()}
    ours = {name for node in nodes if is_closed(node) for name in node.get("properties") or ()}
    return {
        (short_of.get(name, name) if name in ours else name): short(shape, held, of_key(root, nodes, name))
        for name, held in value.items()
    }


def shapes() -> st.SearchStrategy[dict[str, Any]]:
    leaves: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
        [TEXT, {"type": "integer"}, {"type": ["string", "null"]}, {"enum": ["a", "b"]}]
    )
    names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True)

    def grown(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        objects = names.flatmap(lambda some: st.fixed_dictionaries(dict.fromkeys(some, inner)).map(closed))
        maps = inner.map(lambda held: {"type": "object", "additionalProperties": held})
        lists = inner.map(lambda held: {"type": "array", "items": held})
        return objects | maps | lists | inner.map(lambda held: {"anyOf": [held, {"type": "null"}]})

    return st.recursive(leaves, grown, max_leaves=8)


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Answers that the schema allows, with keys of maps that are short names and long ones."""
    if "anyOf" in schema:
        return st.none() | values(schema["anyOf"][0])
    if "properties" in schema:
        return st.fixed_dictionaries({name: values(held) for name, held in schema["properties"].items()})
    if "additionalProperties" in schema:
        return st.dictionaries(
            st.sampled_from([*NAMES, "c", "d", ""]), values(schema["additionalProperties"]), max_size=3
        )
    if "items" in schema:
        return st.lists(values(schema["items"]), max_size=3)
    return st.text(st.sampled_from('ab{}[]":,\\ é\n'), max_size=8)


@st.composite
def answers(draw: st.DrawFn) -> tuple[Shortened, Any]:
    """A schema in which something was shortened, and an answer to it."""
    top = draw(st.lists(st.sampled_from(NAMES[:4]), min_size=1, max_size=3, unique=True))
    schema = closed({name: draw(shapes()) for name in top})
    shape = shortened(schema, len, min_saved=1, expected_items=50)
    if shape is None:
        schema = closed({"records": {"type": "array", "items": schema}})
        shape = made(schema, items=1_000)
    return shape, draw(values(dict(shape.original)))


@given(answers(), st.lists(st.integers(1, 6), min_size=1, max_size=5), st.sampled_from([None, 1]))
@settings(max_examples=60, deadline=None)
def test_what_was_said_in_short_names_comes_back_as_it_was_meant(
    answer: tuple[Shortened, Any], steps: list[int], indent: int | None
) -> None:
    shape, value = answer
    said = json.dumps(short(shape, value), indent=indent, ensure_ascii=indent is None)
    whole = with_long_keys(shape, said)
    assert json.loads(whole) == value
    assert with_long_keys(shape, whole) == whole, "what has long names keeps them"

    keys, told, at, turn = LongKeys(shape), "", 0, 0
    while at < len(said):  # in pieces, as streams bring it
        step = steps[turn % len(steps)]
        told += keys.feed(said[at : at + step])
        assert whole.startswith(told), "cut off here, it is mapped as far as it goes"
        at, turn = at + step, turn + 1
    assert told == whole


@given(st.text(st.sampled_from('ab"{}[]:, \\\n'), max_size=40))
@settings(max_examples=60, deadline=None)
def test_what_is_no_json_never_breaks_and_loses_nothing_but_a_key_that_is_cut_off(said: str) -> None:
    shape = made(
        closed({"customer_full_name": TEXT, "rows": {"type": "array", "items": closed({"some_long_key": TEXT})}})
    )
    long = with_long_keys(shape, said + '"')
    for name, its in shape.long_of.items():
        long = long.replace(json.dumps(its), json.dumps(name))
    assert long == said + '"' or (said + '"').startswith(long)


ORDER = closed(
    {
        "customer_full_name": TEXT,
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
        "labels": {"type": "object", "additionalProperties": TEXT},
    },
    **{"$defs": {"Line": closed({"product_identifier": TEXT, "a": {"type": "integer"}})}},
)


def test_rules_of_strict_schemas_are_kept() -> None:
    shape = made(ORDER)
    assert shape.long_of == {"b": "customer_full_name", "c": "product_identifier"}, "`a` is taken"
    assert shape.schema["required"] == ["b", "lines", "labels"]
    assert shape.schema["additionalProperties"] is False
    line = shape.schema["$defs"]["Line"]
    assert (line["required"], line["additionalProperties"]) == (["c", "a"], False)
    assert line["properties"] == {"c": {**TEXT, "description": "product_identifier"}, "a": {"type": "integer"}}
    assert shape.schema["properties"]["lines"] == ORDER["properties"]["lines"]
    assert shape.schema["properties"]["labels"] == ORDER["properties"]["labels"]


def test_keys_of_a_free_form_map_are_data() -> None:
    said = '{"b": "Ann", "lines": [{"c": "b", "a": 1}], "labels": {"b": "c", "c": "b"}}'
    assert json.loads(with_long_keys(made(ORDER), said)) == {
        "customer_full_name": "Ann",
        "lines": [{"product_identifier": "b", "a": 1}],
        "labels": {"b": "c", "c": "b"},
    }


@pytest.mark.parametrize("size", [1, 4, 1_000])
@pytest.mark.parametrize("before", ["\n ", "```json\n", "```\n", "```JSON5 \n"])
def test_a_value_in_a_code_block_gets_its_long_names_too(before: str, size: int) -> None:
    keys, said = LongKeys(made(ORDER)), before + '{"b": "Ann", "lines": [{"c": "x", "a": 1}]}\n```\n{"b": 1}'
    told = "".join(keys.feed(said[at : at + size]) for at in range(0, len(said), size))
    assert (
        told == before + '{"customer_full_name": "Ann", "lines": [{"product_identifier": "x", "a": 1}]}\n```\n{"b": 1}'
    )


def test_the_long_name_is_told_once_and_only_where_nothing_else_says_it() -> None:
    properties = {
        "customer_full_name": {**TEXT, "description": "Full name of the customer."},
        "delivery_address_line": {**TEXT, "title": "Delivery Address Line"},
        "payment_reference_code": {**TEXT, "description": "As on the invoice."},
    }
    shape = made(closed({"rows": {"type": "array", "items": closed(properties)}}), items=20)
    held = shape.schema["properties"]["rows"]["items"]["properties"]
    assert held["a"] == properties["customer_full_name"]
    assert held["b"] == properties["delivery_address_line"]
    assert held["c"]["description"] == "payment_reference_code: As on the invoice."


def test_an_open_object_keeps_its_names_and_so_do_its_namesakes() -> None:
    row = {"type": "object", "properties": {"customer_full_name": TEXT}}
    shape = made(closed({"open": row, "customer_full_name": TEXT, "delivery_address_line_two": TEXT}), items=9)
    assert list(shape.long_of.values()) == ["delivery_address_line_two"]


def test_a_schema_that_holds_itself_is_no_trap() -> None:
    tree = closed({"node_description_text": TEXT, "children": {"type": "array", "items": {"$ref": "#"}}})
    shape = made(tree)
    said = '{"a": "x", "children": [{"a": "y", "children": []}]}'
    assert json.loads(with_long_keys(shape, said))["children"] == [{"node_description_text": "y", "children": []}]


def test_lists_in_lists_and_many_unions_take_no_time() -> None:
    """A client writes the schema, and the worker's one loop reads it."""
    deep = closed({"customer_full_name": TEXT})
    for _ in range(25):
        deep = closed({"list_of_customers": {"type": "array", "items": deep}})
    names = [f"Kind{n}" for n in range(20)]
    wide = {
        name: closed(
            {
                f"some_property_{at}_{each}": {
                    "anyOf": [{"$ref": f"#/$defs/Kind{(at * 7 + each + k) % 20}"} for k in range(3)]
                }
                for each in range(5)
            }
        )
        for at, name in enumerate(names)
    }
    many = closed({f"some_property_{at}": {"$ref": f"#/$defs/Many{at % 2}"} for at in range(800)})
    started = time.thread_time()
    assert made(deep).long_of == {"a": "list_of_customers", "b": "customer_full_name"}
    shortened({"$ref": "#/$defs/Kind0", "$defs": wide}, tokens, min_saved=1, expected_items=5)
    shortened({**many, "$defs": {"Many0": many, "Many1": {**many}}}, tokens, min_saved=1, expected_items=5)
    assert time.thread_time() - started < 1


def test_where_little_is_saved_the_schema_stays_as_it_is() -> None:
    schema = closed({"customer_full_name": TEXT})
    assert shortened(schema, tokens, min_saved=50, expected_items=5) is None
    assert shortened(closed({"id": TEXT, "city": TEXT}), tokens, min_saved=1, expected_items=5) is None


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (closed({"x": {"type": "object", "patternProperties": {"^a": TEXT}}}), "patternProperties"),
        (closed({"x": {"if": TEXT}}), "if"),
        (closed({"x": {"default": {"customer_full_name": 1}}}), "default"),
        (closed({"x": {"enum": [{"customer_full_name": 1}]}}), "enum"),
        (closed({"x": {"$ref": "#/properties/y"}, "y": TEXT}), "$ref"),
        (closed({"x": {"allOf": [TEXT, TEXT]}}), "allOf"),
        (closed({"x": {"anyOf": [TEXT], "properties": {}}}), "anyOf"),
        (closed({"x": {"anyOf": [closed({"long_name": TEXT}), {"type": "object"}]}}), "open and closed"),
        (closed({"x": {"oneOf": [closed({"long_name": TEXT}), {"type": ["object", "null"]}]}}), "open and closed"),
        ({"type": "object", "properties": []}, "properties"),
        ({"required": "x"}, "required"),
    ],
)
def test_a_schema_with_anything_else_in_it_is_left_alone(schema: dict[str, Any], why: str) -> None:
    with pytest.raises(Unfit, match=why.replace("$", r"\$")):
        shortened(schema, tokens, min_saved=1, expected_items=5)
