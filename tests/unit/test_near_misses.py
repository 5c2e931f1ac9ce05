"""The near-miss corpus: its shape, its counts, and that it is no list of machine-made swaps."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[1] / "data" / "near_misses.jsonl"
ROWS: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
DIFFERENT = [row for row in ROWS if not row["same"]]
SAME = [row for row in ROWS if row["same"]]
KINDS = {
    *("number", "negation", "deadline", "swapped_roles", "place", "version", "unit", "antonym", "named_thing"),
    *("question_word", "condition", "language_mix", "quantity", "time", "product", "modality", "sequence"),
}


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def is_one_word_apart(one: list[str], other: list[str]) -> bool:
    """One word replaced, added or left out."""
    shared = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    a, b = one[shared:], other[shared:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:]


def test_every_row_has_the_same_five_fields_and_clean_text() -> None:
    for row in ROWS:
        assert set(row) == {"cached", "asked", "same", "kind", "lang"}, row
        assert isinstance(row["same"], bool)
        assert row["lang"] in ("en", "es", "mixed")
        for text in (row["cached"], row["asked"]):
            assert text == " ".join(text.split())
            assert 2 <= len(words(text)) <= 40, text


def test_at_least_240_are_near_misses_of_every_kind_and_80_are_paraphrases() -> None:
    kinds = Counter(row["kind"] for row in DIFFERENT)
    assert set(kinds) == KINDS
    assert min(kinds.values()) >= 8
    assert sum(kinds.values()) >= 240
    assert len(SAME) >= 80
    assert {row["kind"] for row in SAME} == {"paraphrase"}


def test_english_and_spanish_are_about_even() -> None:
    for rows in (DIFFERENT, SAME):
        langs = Counter(row["lang"] for row in rows)
        assert 0.8 <= langs["en"] / langs["es"] <= 1.25


def test_no_pair_stands_there_twice_in_either_order_and_no_row_asks_what_is_cached() -> None:
    pairs = [frozenset((row["cached"].casefold(), row["asked"].casefold())) for row in ROWS]
    assert len(set(pairs)) == len(pairs)
    assert all(len(pair) == 2 for pair in pairs)


def test_nothing_is_asked_twice() -> None:
    asked = Counter(row["asked"].casefold() for row in ROWS)
    assert [text for text, times in asked.items() if times > 1] == []


def test_at_most_a_third_of_the_near_misses_are_one_word_apart() -> None:
    swaps = [row for row in DIFFERENT if is_one_word_apart(words(row["cached"]), words(row["asked"]))]
    assert len(swaps) <= len(DIFFERENT) / 3
