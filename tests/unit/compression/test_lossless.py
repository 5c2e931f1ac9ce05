"""Lossless compression: the way back exists, and what it saves."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litellm_plugins.compression.lossless import lossless, restore
from litellm_plugins.compression.lossless.chain import tightened
from litellm_plugins.compression.lossless.json_text import minify
from litellm_plugins.compression.lossless.passages import refer
from litellm_plugins.compression.lossless.tables import restore as restore_tables
from litellm_plugins.compression.lossless.tables import tabulate
from litellm_plugins.simulator.tokens import tokenizer_for
from tests.unit.compression.test_segments import TEXTS

_STRINGS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        [
            "1",
            "01",
            "true",
            "null",
            "",
            "{}",
            "{a}",
            "a|b",
            '"',
            "\\",
            " x",
            "x ",
            "[1]",
            "User 1",
            "User 2",
            "2024-01-02",
            "\n",
            "\u2028",
        ]
    ),
)
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), _STRINGS
)
_KEYS = st.one_of(st.sampled_from(["id", "a", "b", "a.b", "first name", "é", "", "x{y}"]), st.text(max_size=4))


@st.composite
def _records(draw: st.DrawFn) -> str:
    """Arrays as programs write them: like records, some with keys missing, some nested."""
    names = draw(st.lists(_KEYS, min_size=1, max_size=5, unique=True))
    values = draw(st.sampled_from([_SCALARS, _STRINGS, st.integers(0, 3), st.sampled_from(["a", "b"])]))
    nested = st.one_of(values, st.fixed_dictionaries({"x": values, "y": values}), st.lists(values, max_size=2))
    rows = []
    for _ in range(draw(st.integers(3, 7))):
        kept = [name for name in names if draw(st.integers(0, 9)) > 0]
        rows.append({name: draw(nested if name == names[0] else values) for name in kept})
    whole: Any = rows if draw(st.booleans()) else {"total": 1, "rows": rows, "more": [rows[:1], rows]}
    return json.dumps(whole, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 2])))


@given(_records())
@settings(deadline=None, max_examples=600)
def test_a_table_is_read_back_byte_for_byte(text: str) -> None:
    tight = minify(text)
    assert json.loads(tight) == json.loads(text)
    table = tabulate(tight)
    if table is not None:
        assert restore_tables(table.text) == tight
        assert len(table.text) < len(tight)
    assert restore(lossless(text)) == tight


@given(
    st.recursive(
        _SCALARS,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_KEYS, inner, max_size=4)),
        max_leaves=12,
    )
)
@settings(deadline=None, max_examples=300)
def test_minified_json_has_the_same_value_and_no_blanks(value: Any) -> None:
    for indent, escaped in ((3, True), (None, False)):
        text = json.dumps(value, indent=indent, ensure_ascii=escaped)
        tight = minify(text)
        assert json.loads(tight) == json.loads(text)
        assert tight == json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=escaped)


@given(TEXTS)
@settings(deadline=None, max_examples=400)
def test_any_text_comes_back(text: str) -> None:
    assert restore(lossless(text)) == restore(tightened(text))
    assert "".join(lossless(text).split()) == "".join(text.split()) or "{" in text or "[" in text
    assert len(lossless(text)) <= len(text)


@given(
    st.lists(
        st.sampled_from(
            ["A" * 300, "A" * 100 + "B" * 300, "short", "One sentence of it. " * 20, "x\ny" * 90, "    code" * 40]
        ),
        max_size=8,
    )
)
@settings(deadline=None, max_examples=200)
def test_repeated_passages_come_back(passages: list[str]) -> None:
    text = "\n\n".join(passages)
    assert restore(refer(text)) == text


def test_numbers_strings_and_doubled_names_stay_as_they_are_written() -> None:
    written = '{ "a": 1.0, "b": 1e5, "c": 123456789012345678901234567890, "a": "\\u00e9\\/é" }'
    assert lossless(written) == '{"a":1.0,"b":1e5,"c":123456789012345678901234567890,"a":"\\u00e9\\/é"}'


def test_null_absent_and_empty_are_told_apart() -> None:
    rows = [{"id": 1, "mail": None}, {"id": 2}, {"id": 3, "mail": ""}, {"id": 4, "mail": "a@b.example"}] * 4
    table = lossless(json.dumps(rows))
    assert table.splitlines()[1:6] == ["id\tmail", "1\tnull", "2\t", '3\t""', "4\ta@b.example"]
    assert json.loads(restore(table)) == rows


def test_what_all_records_share_is_said_once() -> None:
    rows = [
        {"id": i, "name": f"User {i}", "email": f"user{i}@example.com", "role": "admin", "day": f"2024-05-{i:02}"}
        for i in range(1, 6)
    ]
    table = lossless(json.dumps(rows, indent=2))
    assert table.splitlines()[1] == (
        'id\tname="User {id}"\temail="user{id}@example.com"\trole="admin"\tday="2024-05-{}"'
    )
    assert table.splitlines()[2] == "1\t01"


def test_an_array_within_an_object_is_named_where_it_stood() -> None:
    value = {"total": 20, "items": [{"sku": f"A-{i}", "price": i + 0.5} for i in range(20)], "next": None}
    text = lossless(f"Here it is:\n\n{json.dumps(value, indent=2)}\n\nThat is it.")
    assert '{"total":20,"items":[table 1],"next":null}\n[table 1: 20 records' in text
    assert restore(text) == f"Here it is:\n\n{json.dumps(value, separators=(',', ':'))}\n\nThat is it."


def test_a_text_that_speaks_of_tables_is_given_none() -> None:
    rows = json.dumps([{"id": i, "name": "x"} for i in range(9)])
    assert lossless(f"As [table 1] shows:\n\n{rows}\n") == f"As [table 1] shows:\n\n{minify(rows)}\n"


def test_white_space() -> None:
    assert (
        lossless("One  two.   \n\n\n\n  - item   here\t\n  * end  \r\n\nx \n")
        == "One two.\n\n  - item here\n  * end\r\n\nx\n"
    )
    assert lossless("Answer: ") == "Answer: "


def test_a_passage_said_again_is_named_by_how_it_begins() -> None:
    passage = "The terms of the warranty are as follows. " * 10
    text = f"{passage}\n\nSomething else.\n\n{passage}\n\nThe end."
    short = lossless(text)
    assert short.count("The terms of the warranty are as follows.") == 11
    assert "[same as the passage above that begins: The terms of the warranty are as follows. The te…]" in short
    assert restore(short) == tightened(text)


def _people(count: int) -> list[dict[str, Any]]:
    """Records of the size that issue 7 names: 56 tokens each, written with an indent of two."""
    chance = random.Random(7)
    first, last = (
        ["Alice", "Bruno", "Carla", "David", "Elena", "Frank", "Grace", "Hugo"],
        ["Jones", "Smith", "Costa", "Weber", "Lopez", "Brown", "Silva", "Moore"],
    )
    return [
        {
            "id": at,
            "name": f"{chance.choice(first)} {chance.choice(last)}",
            "email": f"user{at}@example.com",
            "amount": round(chance.uniform(5, 999), 2),
            "date": f"2024-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
            "status": chance.choice(["active", "inactive", "pending"]),
        }
        for at in range(1, count + 1)
    ]


def test_a_hundred_records_take_less_than_a_third_of_the_tokens() -> None:
    count = tokenizer_for("gpt-4").count
    text = json.dumps(_people(100), indent=2)
    before, after = count(text), count(lossless(text))
    assert 5_300 < before < 5_900
    assert after <= 1_700
    assert restore(lossless(text)) == minify(text)


@pytest.mark.parametrize(
    "wild",
    [
        "[table 1: 3 records, one per line, cells split by tabs, none: key absent]\na\tb\n1\t2\n",
        "[same as the passage above that begins: x…]",
    ],
)
def test_what_only_looks_like_ours_stays(wild: str) -> None:
    assert restore(wild) == wild
