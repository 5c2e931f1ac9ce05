"""The rules over a stream, however it is cut into pieces."""

from __future__ import annotations

import json
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_plugins.early_stop.watch import Stop, Watch
from litellm_plugins.model import StopRule
from litellm_plugins.settings.early_stop import GoodEnoughRule, StopRules

PIECES = pytest.mark.parametrize("size", [1, 3, 7, 10_000])
SENTENCE = "I am sorry, but I cannot help you with that request. "
CHINESE = "你好。我很好！"  # noqa: RUF001 - a full stop of theirs is meant
ESSAY = " ".join(
    f"Paragraph {n} speaks of {n * 7} matters, of {chr(97 + n % 26)}-things and of year {1900 + n}." for n in range(200)
)


def rules(**more: Any) -> StopRules:
    return StopRules.model_validate({"enabled": True, **more})


def run(watch: Watch, text: str, size: int, channel: Any = "text") -> tuple[Stop | None, str]:
    """The stop, and what was passed on by then; one token for each four characters."""
    told = ""
    for at in range(0, len(text), size):
        piece = text[at : at + size]
        stop = watch.feed(channel, piece, max(1, len(piece) // 4))
        if stop is not None:
            return stop, told + (piece if stop.keep is None else piece[: stop.keep])
        told += piece
    return None, told


@pytest.mark.parametrize(
    "loop",
    [SENTENCE, "no ", "\n", "哈", "这是一句没有标点的话", "a", "=", "- item\n", "{} ", "Yes. No. ", "12 345 "],
)
def test_a_loop_is_seen_within_a_few_rounds(loop: str) -> None:
    stop, told = run(Watch(rules()), "Here it comes: " + loop * 4_000, 3)

    assert stop == Stop(StopRule.REPETITION, "length")
    assert len(told) < max(900, 8 * len(loop))


@pytest.mark.parametrize(
    "text",
    [
        ESSAY,
        "| a | b |\n|---|---|\n" + "\n".join(f"| {n} | {n * n} |" for n in range(60)),
        "Chorus one two three four.\n" * 3 + ESSAY,
        "=" * 80 + "\n" + ESSAY + "\n" + "-" * 200,
        "\n".join(f"{n}. Question {n}: what is {n} times {n + 1}? Answer: it is {n * (n + 1)}." for n in range(80)),
    ],
    ids=["essay", "table", "chorus", "rulers", "quiz"],
)
@PIECES
def test_what_is_no_loop_goes_on(text: str, size: int) -> None:
    assert run(Watch(rules()), text, size) == (None, text)


def test_a_loop_in_reasoning_is_one_too() -> None:
    stop, _ = run(Watch(rules()), SENTENCE * 100, 8, channel="reasoning")
    assert stop == Stop(StopRule.REPETITION, "length")


@PIECES
def test_json_ends_with_its_value(size: int) -> None:
    value = json.dumps({"a": ['}{"\\', {"b": [1, [2]]}], "c": "é"}, ensure_ascii=False)
    stop, told = run(Watch(rules(), wants_json=True), f"\n {value} and more {{}}", size)

    assert stop is not None
    assert (stop.rule, stop.finish) == (StopRule.COMPLETED_JSON, "stop")
    assert told.strip() == value


@PIECES
def test_json_in_a_code_block_ends_with_the_block(size: int) -> None:
    text = '```json\n{"a": 1}\n```\n' + "And now I will explain it all.\n" * 5
    stop, told = run(Watch(rules(), wants_json=True), text, size)

    assert stop is not None
    assert stop.rule is StopRule.COMPLETED_JSON
    assert told.startswith('```json\n{"a": 1}\n```')
    if size < 10:
        assert len(told) < 35


@pytest.mark.parametrize("text", ['{"a": ]} and on', "Sure: {} is it", "[" * 600 + "]" * 600, "word"])
def test_what_is_no_json_is_not_ended_as_such(text: str) -> None:
    stop, _ = run(Watch(rules(repetition={"enabled": False}), wants_json=True), text, 3)
    assert stop is None


def test_json_that_was_not_asked_for_is_not_ended() -> None:
    assert run(Watch(rules()), '{"a": 1} and more', 3)[0] is None


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    ).filter(lambda each: isinstance(each, list | dict)),
    size=st.integers(1, 30),
    indent=st.sampled_from([None, 2]),
)
def test_any_json_is_cut_exactly_at_its_end(value: Any, size: int, indent: int | None) -> None:
    watch = Watch(rules(repetition={"enabled": False}), wants_json=True)
    stop, told = run(watch, json.dumps(value, indent=indent) + ' tail "}]', size)

    assert stop is not None
    assert json.loads(told) == value


@PIECES
def test_sentences_are_counted_as_people_do(size: int) -> None:
    three = "Dr. J. Smith paid 3.5 euros, e.g. to Mr. Jones... Then he left!\n1. Wait?!"
    stop, told = run(Watch(rules(max_sentences=3)), three + " Is he gone? Yes.", size)

    assert stop is not None
    assert (stop.rule, told) == (StopRule.SENTENCE_CAP, three)


def test_what_is_too_long_to_be_judged_is_not_judged_in_one_piece_either() -> None:
    judged: list[int] = []

    def score(answer: str) -> float:
        judged.append(len(answer))
        return 0.0

    wanted = rules(good_enough={"score": 0.5}, repetition={"enabled": False})
    assert Watch(wanted, score=score).feed("text", "It is so. " * 10_000, 1) is None
    assert len(judged) > 1_000
    assert max(judged) <= 16_000


@PIECES
def test_sentences_of_code_do_not_count(size: int) -> None:
    text = "One.\n```py\na. b. c. d!\n```\n" + '{"a": "x. y. z. "}\nTwo. Three.'
    stop, told = run(Watch(rules(max_sentences=2)), text, size)

    assert stop is not None
    assert told.endswith("Two.")


@PIECES
def test_chinese_sentences_need_no_space(size: int) -> None:
    _, told = run(Watch(rules(max_sentences=2)), CHINESE + "再见。", size)
    assert told == CHINESE


@PIECES
def test_a_stop_phrase_is_found_across_pieces(size: int) -> None:
    stop, told = run(Watch(rules(stop_phrases=["END OF", "zzz"])), "abc END END OF it all", size)

    assert stop is not None
    assert (stop.rule, told) == (StopRule.STOP_PHRASE, "abc END END OF")


@PIECES
def test_a_cap_waits_for_the_end_of_a_code_block(size: int) -> None:
    text = "Look:\n```python\n" + "x = compute(1)\n" * 9 + "```\n" + "Then some words follow. " * 50
    stop, told = run(Watch(rules(max_tokens=10, repetition={"enabled": False})), text, size)

    assert stop is not None
    assert stop.rule is StopRule.TOKEN_CAP
    assert told.count("```") == 2


def test_a_block_without_an_end_is_cut_at_the_bound() -> None:
    watch = Watch(rules(max_tokens=10, wait_tokens=30))
    stop, _ = run(watch, "```\n" + ESSAY, 4)

    assert stop == Stop(StopRule.TOKEN_CAP, "length")
    assert 40 <= watch.tokens <= 45


def test_a_tool_call_is_waited_for_within_the_bound() -> None:
    watch = Watch(rules(max_tokens=10, wait_tokens=30))
    assert run(watch, "x" * 120, 4, channel="tool")[0] is None
    stop, _ = run(watch, "y" * 120, 4, channel="tool")

    assert stop == Stop(StopRule.TOKEN_CAP, "length")
    assert watch.tokens == 40


def test_a_loop_within_code_is_no_loop_of_the_text_around() -> None:
    text = "Zeros:\n```\n" + "0, " * 100 + "\n```\n" + ESSAY
    assert run(Watch(rules()), text, 5) == (None, text)


def test_a_loop_of_code_blocks_is_one() -> None:
    stop, _ = run(Watch(rules()), "```\nprint(1)\nprint(2)\n```\n" * 500, 5)
    assert stop is not None
    assert stop.rule is StopRule.REPETITION


def test_an_endless_loop_within_code_is_cut_at_the_bound() -> None:
    watch = Watch(rules(wait_tokens=50))
    stop, _ = run(watch, "```\n" + "0, " * 9_000, 4)

    assert stop == Stop(StopRule.REPETITION, "length")
    assert watch.tokens < 150


def test_the_dearer_cap_is_told() -> None:
    stop, _ = run(Watch(rules(max_tokens=10), affordable_tokens=10), ESSAY, 4)
    assert stop is not None
    assert stop.rule is StopRule.DOLLAR_CAP


HOSTILE = [".", "!?", "`", "```\n", "{", '["', '"', "\\", " ", "\n", "~", "[ ", "ab ", "Dr. ", "。", "x", "{\n"]


def never_ending() -> Watch:
    """With every rule on, and none that ends the stream."""
    watched = rules(
        max_sentences=100_000, stop_phrases=["!?a", "aab"], wait_tokens=1_000_000, max_tokens=10_000_000,
        repetition={"span_words": 1_000, "repeats": 100},
    )  # fmt: skip
    return Watch(watched, wants_json=True)


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_takes_linear_time(unit: str) -> None:
    """A step for each pair of 60,000 characters would be minutes; one for each takes some tenths of a second."""
    text = (unit * 60_000)[:60_000]
    started = time.thread_time()
    never_ending().feed("text", text, 1)
    watch = never_ending()
    for at in range(0, len(text), 3):
        watch.feed("text", text[at : at + 3], 1)

    assert time.thread_time() - started < 5


@pytest.mark.parametrize("unit", HOSTILE[::3])
def test_hostile_text_is_not_kept(unit: str) -> None:
    watch = never_ending()
    tracemalloc.start()
    try:
        for _ in range(800):
            watch.feed("text", unit * 100, 25)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kept < 60_000, "of 80,000 characters and more, and their words"


def test_what_is_good_enough_ends_at_the_sentence_that_made_it_so() -> None:
    judged: list[str] = []

    def score(answer: str) -> float:
        judged.append(answer)
        return 0.9 if "third" in answer else 0.1

    rules = StopRules(enabled=True, good_enough=GoodEnoughRule(score=0.8, min_sentences=2))
    watch = Watch(rules, score=score)
    text = "The first. The second. The third! And then a fourth. And on."
    stops = [watch.feed("text", letter, 1) for letter in text]
    found = [(at, stop) for at, stop in enumerate(stops) if stop is not None]
    assert found[0] == (text.index("!") + 1, Stop(StopRule.GOOD_ENOUGH, "stop", keep=0))
    assert judged[:2] == ["The first. The second.", "The first. The second. The third!"]


def test_in_one_piece_it_is_cut_there_as_well() -> None:
    rules = StopRules(enabled=True, good_enough=GoodEnoughRule(score=0.8, min_sentences=1))
    text = "Look:\n```\nDone. Done.\n```\nIt works. And more of it."
    stop = Watch(rules, score=lambda _: 1.0).feed("text", text, 20)
    assert stop is not None
    assert text[: stop.keep or 0].endswith("It works.")


def test_json_and_tool_calls_are_not_judged() -> None:
    rules = StopRules(enabled=True, completed_json=False, good_enough=GoodEnoughRule(score=0.1, min_sentences=1))
    assert Watch(rules, wants_json=True, score=lambda _: 1.0).feed("text", "A. B. C.", 3) is None
    calling = Watch(rules, score=lambda _: 1.0)
    calling.feed("tool", "{", 1)
    assert calling.feed("text", "A. B. C.", 3) is None
