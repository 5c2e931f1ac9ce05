"""What a review of prompt caching found, each with its test."""

from __future__ import annotations

import random
import sys
import time
from typing import Any

import pytest

from litellm_plugins.prompt_caching.blocks import MAX_MARKS, blocks_of
from litellm_plugins.prompt_caching.families import Families
from litellm_plugins.prompt_caching.family import Sight
from litellm_plugins.prompt_caching.lines import features, kind_of
from litellm_plugins.prompt_caching.sketch import sketched
from tests.unit.prompt_caching.test_prompt_caching import MARK, RULES, Desk, chat


def words(text: str) -> int:
    return len(text.split())


def marks_in(value: Any) -> int:
    if isinstance(value, dict):
        return ("cache_control" in value) + sum(map(marks_in, value.values()))
    return sum(map(marks_in, value)) if isinstance(value, list) else 0


def a_call(i: int) -> list[dict[str, Any]]:
    call = {"id": f"c{i}", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    return [
        {"role": "user", "content": f"{i} {RULES}"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]


@pytest.mark.parametrize("theirs", range(5))
def test_a_mark_beside_a_text_counts_as_the_host_sends_it(theirs: int) -> None:
    desk = Desk()
    turns: list[dict[str, Any]] = [{"role": "user", "content": f"{i} {RULES}"} for i in range(5)]
    data = {"messages": [{"role": "system", "content": RULES}, *turns]}
    for message in data["messages"][:theirs]:
        message["cache_control"] = MARK
    desk.ask(data)
    given = desk.ask({"messages": [*data["messages"], {"role": "user", "content": "And then?"}]})[0]
    assert len(given.at) + theirs <= MAX_MARKS
    assert theirs == MAX_MARKS or given.at


@pytest.mark.parametrize("theirs", range(5))
def test_marks_inside_a_tools_result_count(theirs: int) -> None:
    parts: list[dict[str, Any]] = [{"type": "text", "text": f"{i} {RULES}"} for i in range(5)]
    for part in parts[:theirs]:
        part["cache_control"] = MARK
    result = {"role": "tool", "tool_call_id": "c0", "content": parts}
    data = {"messages": [{"role": "system", "content": RULES}, *a_call(0), result]}
    desk = Desk()
    desk.ask(data)
    given = desk.ask({"messages": [*data["messages"], {"role": "user", "content": "And then?"}]})[0]
    assert len(given.at) + theirs <= MAX_MARKS


def test_a_mark_inside_a_result_is_no_part_of_the_prefix() -> None:
    def chain(more: dict[str, Any]) -> bytes:
        result = {"role": "tool", "tool_call_id": "c0", "content": [{"type": "text", "text": "Found.", **more}]}
        return blocks_of("chat", {"messages": [*a_call(0), result]}, words)[-1].chain

    assert chain({}) == chain({"cache_control": MARK})


@pytest.mark.parametrize(
    "change",
    [
        {"tool_choice": "required"},
        {"parallel_tool_calls": False},
        {"thinking": {"type": "enabled", "budget_tokens": 1_024}},
        {"reasoning_effort": "high"},
    ],
)
def test_what_loses_the_messages_at_the_provider_is_no_prefix_of_them(change: dict[str, Any]) -> None:
    before, after = (blocks_of("chat", chat(RULES, "One?", **more), words) for more in ({}, change))
    assert before[0].chain == after[0].chain, "tools and system stay"
    assert before[1].chain != after[1].chain


def test_a_wanted_schema_becomes_a_tool_and_so_changes_all_of_it() -> None:
    before = blocks_of("chat", chat(RULES, "One?"), words)
    after = blocks_of("chat", chat(RULES, "One?", response_format={"type": "json_object"}), words)
    assert before[0].chain != after[0].chain


def test_an_image_anywhere_changes_the_messages_and_nothing_before_them() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    before = chat(RULES, "One?")
    after = {"messages": [*before["messages"], {"role": "user", "content": [image]}]}
    with_none, with_one = (blocks_of("chat", data, words) for data in (before, after))
    assert with_none[0].chain == with_one[0].chain
    assert with_none[1].chain != with_one[1].chain


def test_a_pictures_bytes_are_not_counted_as_words() -> None:
    counted: list[int] = []

    def count(text: str) -> int:
        counted.append(len(text))
        return len(text) // 4

    data = "A" * 1_000_000
    content = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": data}},
    ]
    blocks = blocks_of("messages", {"messages": [{"role": "user", "content": content}]}, count)
    assert max(counted) < 1_000
    assert blocks[0].tokens == 1_000
    assert blocks[1].tokens < 30_000


def test_what_a_model_thought_is_part_of_the_prefix() -> None:
    def chain(thought: str) -> bytes:
        thinking = [{"type": "thinking", "thinking": thought, "signature": "s"}]
        answer = {"role": "assistant", "content": "Yes.", "thinking_blocks": thinking}
        data = {"messages": [{"role": "user", "content": "One?"}, answer, {"role": "user", "content": "Two?"}]}
        blocks = blocks_of("chat", data, words)
        assert [block.markable for block in blocks] == [True, False, False, True]
        return blocks[-1].chain

    assert chain("Hm.") != chain("Hm!")


@pytest.mark.parametrize(("tool", "markable"), [({"type": "custom"}, True), ({"defer_loading": True}, False)])
def test_a_tool_that_is_loaded_later_takes_no_mark(tool: dict[str, Any], markable: bool) -> None:
    data = {"tools": [{"name": "look", "input_schema": {"type": "object"}, **tool}], "messages": []}
    assert blocks_of("messages", data, words)[0].markable is markable


def test_an_empty_text_takes_no_mark() -> None:
    content = [{"type": "text", "text": ""}, {"type": "text", "text": "  \n"}]
    assert not any(block.markable for block in blocks_of("messages", {"system": content, "messages": []}, words))


def test_a_long_prompt_is_known_by_a_sample_of_its_lines() -> None:
    drawn = random.Random(7)  # of 200 draws, one has no line of the short prompt in the sample
    lines = [drawn.randbytes(12).hex() for _ in range(400)]
    whole, other = (sketched(dict(features("\n".join(each)))) for each in (lines, lines[:390] + ["new"] * 10))
    short = sketched(dict(features("\n".join(lines[:40]))))
    strange = sketched(dict(features("\n".join(drawn.randbytes(12).hex() for _ in range(400)))))
    assert len(whole.features) <= 64
    assert whole.is_like(other, len(whole.features & other.features))
    assert whole.is_like(short, len(whole.features & short.features)), "all lines of the shorter one"
    assert not whole.is_like(strange, len(whole.features & strange.features))


def test_many_families_of_long_prompts_take_little_memory_each() -> None:
    desk = Desk(max_families=300, max_prefixes=1_000)
    drawn = random.Random(7)
    for i in range(300):
        desk.ask(chat("\n".join(f"{i} {drawn.randbytes(8).hex()}" for _ in range(400)), "One?"))
    assert len(desk.families.all()) == 300
    of_one = desk.families.all()[-1]
    kept = sum(sys.getsizeof(each) for each in of_one.sketch.features) + sum(
        sys.getsizeof(hashes) for _, hashes in of_one.lines.values()
    )
    assert kept < 8_000


def test_the_family_of_a_prompt_has_the_same_name_in_every_worker() -> None:
    def name(at: int) -> str:
        return Desk().ask(chat(f"You help.\nIt is 2027-03-05T10:{at:02}:00Z.\n{RULES}", "One?"))[2].id

    assert len({name(at) for at in range(30)}) == 1


def test_ours_before_the_clients_five_minutes_need_no_hour_for_one_that_cannot_be() -> None:
    desk = Desk()
    content: list[dict[str, Any]] = [{"type": "text", "text": f"{part} {RULES}"} for part in "abc"]
    content[1]["cache_control"] = MARK
    data = {"messages": [{"role": "system", "content": RULES}, {"role": "user", "content": content}]}
    for _ in range(4):
        marks, blocks, _ = desk.ask(data)
        desk.clock.now_s += 660
    for at, ttl in marks.at:
        assert ttl == "5m" or at < 2, blocks[at].text[:1]


@pytest.mark.parametrize("odd", ["Cut in a smile \ud83d", 2**64])
def test_a_cut_surrogate_pair_or_a_large_number_is_no_reason_to_do_without_marks(odd: Any) -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"default": odd}}}
    result = {"role": "tool", "tool_call_id": "c0", "content": str(odd)}
    desk = Desk()
    data = {"tools": [tool], "messages": [{"role": "system", "content": RULES}, *a_call(0), result]}
    desk.ask(data)
    assert desk.ask({**data, "messages": [*data["messages"], {"role": "user", "content": "And then?"}]})[0].at
    assert not desk.ask({**data, "tools": [{**tool, "type": "custom"}]})[0].at, "another tool is another prefix"


def test_a_beginning_whose_every_line_many_families_have_is_one_family() -> None:
    """Each of its requests began another, which the index of lines kept for ever."""
    families = Families(clock=lambda: 1.0, max_families=1_000, max_prefixes=1_000)

    def see(system: str) -> Sight:
        sight = families.see("t", "m", blocks_of("chat", chat(system, "One?"), words))
        assert sight is not None
        return sight

    common = "\n".join(f"Rule of the house, part {letter}" for letter in "abcdefghij")
    for agent in range(70):
        own = (f"{'x' * agent} is said by the agent, {letter}" for letter in "abcdefghijklmnopqrst")
        see("\n".join([common, *own]))
    for _ in range(10):
        last = see(common)
    assert last.family.requests == 10
    assert len(families.all()) == 71
    assert max(map(len, families._by_feature["t", "m"].values())) == 71


@pytest.mark.parametrize("line", [f"{'1' * 3_000}a{'_' * 3_000}", "1a" + "_" * 9_000, "_" * 9_000])
def test_no_line_takes_long_to_be_named(line: str) -> None:
    began = time.thread_time()
    assert kind_of(line) in ("a number", "the text")
    assert time.thread_time() - began < 0.5


@pytest.mark.parametrize(("line", "kind"), [("Run a1b2", "an id"), ("Run 1a2", "an id"), ("Run a1b", "a number")])
def test_an_id_has_a_letter_between_digits(line: str, kind: str) -> None:
    assert kind_of(line) == kind


def test_no_tool_takes_long_to_be_counted() -> None:
    tool = {"type": "function", "function": {"name": "look", "description": " ".join(["a" * 1_999] * 400)}}
    began = time.thread_time()
    blocks_of("chat", {"tools": [tool], "messages": []}, len)
    assert time.thread_time() - began < 0.3
