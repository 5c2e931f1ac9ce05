"""One text made shorter: where, from how long on, and what stays."""

from __future__ import annotations

import json

import pytest

from litellm_plugins.compression.bodies import texts_of, with_text
from litellm_plugins.compression.lossless import restore
from litellm_plugins.compression.memo import Memo, key_of
from litellm_plugins.compression.protected import touchable
from litellm_plugins.compression.rewriting import rewritten
from litellm_plugins.compression.squeezing import Squeezed, squeezed, squeezed_tools
from litellm_plugins.model import CompressionReason

ROWS = [{"id": at, "mail": f"u{at}@example.com", "sum": at * 7 % 13, "note": "Is it paid?"} for at in range(80)]
PRETTY = json.dumps(ROWS, indent=2)


def words(text: str) -> int:
    """A tokenizer."""
    return len(text) // 4


def squeeze(text: str, *, min_tokens: int = 100, min_saved: float = 0.05) -> Squeezed:
    ranges = [(part.start, part.end) for part in touchable({"messages": [{"role": "user", "content": text}]}).parts]
    return squeezed(text, ranges, words, min_tokens=min_tokens, min_saved=min_saved)


@pytest.mark.parametrize(
    "text", [PRETTY, f"These are the sums.\n\n{PRETTY}\n\nWho owes most?", f"Who owes most?\n{PRETTY}"]
)
def test_json_is_taken_whole_though_questions_stand_in_it_and_around(text: str) -> None:
    made = squeeze(text)
    assert made.reason == CompressionReason.APPLIED
    before, _, after = text.partition(PRETTY)
    assert made.value.startswith(before)
    assert made.value.endswith(after)
    assert restore(made.value) == before + json.dumps(ROWS, separators=(",", ":")) + after
    assert made.saved_tokens == words(text) - words(made.value)


def test_an_example_between_tags_stays_for_the_answer_is_to_look_like_it() -> None:
    example = f"<example>\n{json.dumps(ROWS[:20], indent=2)}\n</example>"
    made = squeeze(f"These are the sums.\n\n{PRETTY}\n\n{example}\n\nWho owes most? Answer as in the example.")
    assert made.reason == CompressionReason.APPLIED
    assert example in made.value
    assert made.value.count("[table 1: 80") == 1


def test_json_within_a_line_stays() -> None:
    assert squeeze(f"What is in {PRETTY} please?").value is None


def test_two_blocks_of_data_get_tables_of_different_numbers() -> None:
    other = json.dumps([{**row, "id": row["id"], "kind": "b"} for row in ROWS], indent=2)
    text = f"First:\n\n{PRETTY}\n\nAnd is the second like it?\n\n{other}\n\nWhat differs?"
    made = squeeze(text)
    assert made.reason == CompressionReason.APPLIED
    assert made.value.count("[table 1: 80") == made.value.count("[table 2: 80") == 1
    tight = [json.dumps(json.loads(each), separators=(",", ":")) for each in (PRETTY, other)]
    assert restore(made.value) == text.replace(PRETTY, tight[0]).replace(other, tight[1])


def test_what_was_made_once_is_not_made_again() -> None:
    made = squeeze(f"Sums:\n\n{PRETTY}\n\nWho owes most?").value
    assert squeeze(made).value is None


def test_a_text_that_already_speaks_of_tables_gets_none() -> None:
    text = f"As [table 1] says.\n\n{PRETTY}\n\nWho owes most?"
    made = rewritten(text, [(0, len(text))])
    assert "records, one per line" not in made
    assert json.dumps(ROWS, separators=(",", ":")) in made


def test_the_bounds_are_asked_of_what_may_be_touched_and_of_what_goes() -> None:
    text = f"Sums:\n\n{PRETTY}\n\nWho owes most?"
    assert squeeze(text, min_tokens=words(PRETTY) + 50).reason == CompressionReason.SHORT
    assert squeeze(text, min_saved=0.99).reason == CompressionReason.LITTLE_SAVED
    assert squeeze("word " * 250_000).reason == CompressionReason.TOO_LONG


def test_tools_that_the_provider_runs_stay() -> None:
    theirs = {"type": "web_search_preview", "search_context_size": None}
    ours = {"name": "f", "input_schema": {"type": "object", "title": "F", "properties": {}, "examples": [1, 2, 3]}}
    made = squeezed_tools([theirs, ours], words, min_saved=0.05)
    assert made.value == [theirs, {"name": "f", "input_schema": {"type": "object", "properties": {}}}]


def test_nothing_is_changed_in_place() -> None:
    body = {"messages": [{"content": [{"text": "a"}, {"text": "b"}]}, {"content": "c"}]}
    made = with_text(body, ("messages", 0, "content", 1, "text"), "x")
    assert body["messages"][0]["content"][1] == {"text": "b"}  # type: ignore[index]  # it is one
    assert made["messages"] == [{"content": [{"text": "a"}, {"text": "x"}]}, {"content": "c"}]
    assert made["messages"][1] is body["messages"][1]


def test_pictures_count_as_no_words() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4_000}}
    texts = list(texts_of({"messages": [{"role": "user", "content": [picture, {"type": "text", "text": "Hi"}]}]}))
    assert sum(map(len, texts)) < 50


def test_what_is_remembered_is_bounded_and_the_first_form_stays() -> None:
    memo: Memo[str] = Memo(most=3, most_chars=100)
    assert memo.setdefault(key_of("a"), "first", 5) == "first"
    assert memo.setdefault(key_of("a"), "second", 6) == "first"
    for name in "bcd":
        memo.setdefault(key_of(name), name, 1)
    assert [memo.get(key_of(name)) for name in "abcd"] == [None, "b", "c", "d"]
    memo.setdefault(key_of("e"), "long", 99)
    assert [memo.get(key_of(name)) for name in "bcde"] == [None, None, "d", "long"]
    assert key_of("a", 1) != key_of("a", 2)
