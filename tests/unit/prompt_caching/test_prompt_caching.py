"""Which prefixes are marked, for how long, and what is said where none is; without a proxy."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litellm_plugins.model import PromptCacheReason as Why
from litellm_plugins.prompt_caching.blocks import Block, blocks_of
from litellm_plugins.prompt_caching.deciding import Marks, Rules, decide
from litellm_plugins.prompt_caching.diagnosing import diagnosis
from litellm_plugins.prompt_caching.families import Families
from litellm_plugins.prompt_caching.family import Family
from litellm_plugins.prompt_caching.lines import kind_of
from litellm_plugins.prompt_caching.marking import marked, unmarked
from litellm_plugins.prompt_caching.prices import Prices, cheapest

PRICES = Prices(3e-6, 3.75e-6, 6e-6, 3e-7, known=True)
RULES = "\n".join(f"Rule {i}: whoever asks about case {i} gets answer number {i}." for i in range(120))
MARK = {"type": "ephemeral"}


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Desk:
    """Families with a clock, and what becomes of one request after the other; tokens are words."""

    def __init__(self, **bounds: int) -> None:
        self.clock = Clock()
        self.families = Families(clock=self.clock, **{"max_families": 50, "max_prefixes": 1_000, **bounds})
        self.sees_marks_live = True

    def ask(
        self,
        data: dict[str, Any],
        *,
        endpoint: str = "chat",
        tenant: str = "us",
        minimum: int = 100,
        ahead: bool = False,
        allowed: tuple[Any, ...] = ("5m", "1h"),
    ) -> tuple[Marks, tuple[Block, ...], Family]:
        blocks = blocks_of(endpoint, data, lambda text: len(text.split()))
        sight = self.families.see(tenant, "claude", blocks)
        assert sight is not None
        marks = decide(blocks, sight, Rules(minimum, allowed, PRICES, ahead, self.clock.now_s))
        sight.family.minimum, sight.family.reason = minimum, marks.reason.value
        if self.sees_marks_live:
            self.families.written(tenant, "claude", [(blocks[at].chain, ttl) for at, ttl in marks.at])
        return marks, blocks, sight.family


def chat(system: str, *turns: str, **more: Any) -> dict[str, Any]:
    """The turns are the user's, with answers between them."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}]
    for at, turn in enumerate(turns):
        messages += [{"role": "assistant", "content": f"Answer {at}."}] if at else []
        messages.append({"role": "user", "content": turn})
    return {"messages": messages, **more}


def test_a_prefix_is_marked_from_its_second_time_on() -> None:
    desk = Desk()
    assert desk.ask(chat(RULES, "One?"))[0] == Marks((), Why.FIRST_SEEN, 1_320)
    marks, blocks, _ = desk.ask(chat(RULES, "Two?"))
    assert [(blocks[at].section, ttl) for at, ttl in marks.at] == [("system", "5m")]


def test_a_question_that_was_not_there_before_is_never_marked() -> None:
    desk = Desk()
    for i in range(5):
        marks, blocks, _ = desk.ask(chat(RULES, f"Question {i}? {RULES}"))
        assert all(blocks[at].section == "system" for at, _ in marks.at)


def test_a_document_that_many_ask_about_is_shared_however_their_questions_differ() -> None:
    desk = Desk()
    for i in range(3):
        content = [{"type": "text", "text": f"Handbook. {RULES}"}, {"type": "text", "text": f"Question {i}?"}]
        marks, blocks, _ = desk.ask({"messages": [{"role": "user", "content": content}]})
    assert [blocks[at].place.part for at, _ in marks.at] == [0]


def test_a_conversation_is_marked_up_to_the_turn_before() -> None:
    desk, turns = Desk(), []
    for i in range(4):
        turns.append(f"Turn {i}: tell me more.")
        marks, blocks, _ = desk.ask(chat(RULES, *turns))
        desk.clock.now_s += 30
    assert [blocks[at].text for at, _ in marks.at] == [RULES, turns[-2]]


def test_ahead_marks_the_newest_turn_once_conversations_are_known_to_go_on() -> None:
    desk, turns = Desk(), []
    newest = []
    for i in range(4):
        turns.append(f"Turn {i}: tell me more.")
        marks, blocks, _ = desk.ask(chat(RULES, *turns), ahead=True)
        newest.append(bool(marks.at) and marks.at[-1][0] == len(blocks) - 1)
    assert newest == [False, True, True, True]


def test_where_conversations_end_after_two_turns_the_second_is_not_written_for_nobody() -> None:
    desk = Desk()
    for i in range(12):
        desk.ask(chat(f"{i} {RULES}", "First?"))
        marks, blocks, _ = desk.ask(chat(f"{i} {RULES}", "First?", "Second?"))
    assert not [at for at, _ in marks.at if blocks[at].section == "messages"]


@pytest.mark.parametrize(
    ("gap_s", "allowed", "ttl"),
    [
        (60, ("5m", "1h"), "5m"),
        (660, ("5m", "1h"), "1h"),
        (660, ("5m",), None),
        (7_200, ("5m", "1h"), None),
    ],
)
def test_the_lifetime_is_the_one_that_costs_least_for_the_gaps(gap_s: float, allowed: Any, ttl: str | None) -> None:
    assert cheapest([gap_s] * 3, PRICES, allowed) == ttl


@settings(max_examples=60)
@given(gaps=st.lists(st.floats(1, 10_000), min_size=1, max_size=8), chance=st.floats(0, 1))
def test_no_lifetime_is_chosen_that_would_cost_more_than_none_or_than_the_other(
    gaps: list[float], chance: float
) -> None:
    def cost(ttl: Any) -> float:
        if ttl is None:
            return PRICES.input
        within = chance * sum(gap <= {"5m": 300, "1h": 3_600}[ttl] for gap in gaps) / len(gaps)
        return within * PRICES.read + (1 - within) * PRICES.write(ttl)

    assert cost(cheapest(gaps, PRICES, ("5m", "1h"), chance)) == min(cost(each) for each in (None, "5m", "1h"))


def test_what_reading_saves_and_writing_costs_is_told_in_nano_dollars() -> None:
    assert PRICES.saved_and_extra(1_000, 100, 10) == (2_700_000, 105_000)
    assert Prices().saved_and_extra(1_000, 100, 10) == (0, 0), "where nobody knows the price"


def test_tenants_share_nothing() -> None:
    desk = Desk()
    for _ in range(3):
        _, _, ours = desk.ask(chat(RULES, "One?"))
    marks, _, theirs = desk.ask(chat(RULES, "One?"), tenant="them")
    assert (marks.reason, theirs.id == ours.id) == (Why.FIRST_SEEN, False)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("It is 2027-03-05T10:31:07Z.", "a timestamp"),
        ("Now: 10:31", "a timestamp"),
        ("Today is 5 March 2027.", "a date"),
        ("Today is 2027-03-05.", "a date"),
        ("Session 0b9d5f0e-8d0f-4a53-9a4e-2f3d1c9a0b7e", "an id"),
        ("Request 9f86d081884c7d65", "an id"),
        ("You have 17 credits.", "a number"),
        ("You talk to Alice.", "the text"),
    ],
)
def test_what_changes_in_a_line_is_named(line: str, kind: str) -> None:
    assert kind_of(line) == kind


def test_a_line_that_changes_every_time_is_told_with_its_number() -> None:
    desk = Desk()
    for i in range(4):
        marks, _, family = desk.ask(chat(f"You help.\nIt is 10:3{i}.\n{RULES}", "One?"))
    assert marks.reason is Why.PREFIX_CHANGES
    assert [words for _, words in diagnosis(family)] == ["a timestamp in line 2 changes on every request"]


def test_a_line_in_a_later_block_is_counted_through_the_system_prompt() -> None:
    desk = Desk()
    for i in range(3):
        parts = [{"type": "text", "text": f"One.\nTwo.\n{RULES}"}, {"type": "text", "text": f"A.\nAt 10:3{i}."}]
        data = {"system": parts, "messages": [{"role": "user", "content": "Hello?"}]}
        marks, _, family = desk.ask(data, endpoint="messages")
    assert marks.at == ((0, "5m"),), "what stands before it comes again"
    assert next(iter(family.changes)) == ("system", 124, "a timestamp")


def test_gaps_longer_than_any_lifetime_are_told_in_minutes() -> None:
    desk = Desk()
    for i in range(3):
        marks, _, family = desk.ask(chat(RULES, f"{i}?"), allowed=("5m",))
        family.longest_ttl_s = 300
        desk.clock.now_s += 660
    assert (marks.at, marks.reason) == ((), Why.TOO_FAR_APART)
    assert diagnosis(family) == [("too_far_apart", "requests are 11 minutes apart, TTL is 5")]


def test_a_short_prefix_is_told_with_its_length() -> None:
    desk = Desk()
    for i in range(2):
        marks, _, family = desk.ask(chat("word " * 812, f"Question{i}"), minimum=1_024)
    assert (marks.reason, marks.tokens) == (Why.BELOW_MINIMUM, 812)
    assert diagnosis(family) == [("below_minimum", "812 tokens, the minimum is 1,024")]


def test_the_clients_marks_count_and_no_hour_comes_after_five_minutes() -> None:
    """Its own five minutes stand first: ours come after them, so they are no hour."""
    desk = Desk()
    for i in range(3):
        parts = [{"type": "text", "text": f"A {RULES}", "cache_control": MARK}, {"type": "text", "text": f"B {RULES}"}]
        data = {"system": parts, "messages": [{"role": "user", "content": f"{i}?"}]}
        marks, _, _ = desk.ask(data, endpoint="messages")
        desk.clock.now_s += 660
    assert marks.at == ((1, "5m"),)


@pytest.mark.parametrize("theirs", range(5))
def test_there_are_never_more_than_four_marks(theirs: int) -> None:
    desk, turns = Desk(), []
    for i in range(6):
        turns.append(f"Turn {i}?")
        parts = [{"type": "text", "text": f"{at} {RULES}", **({"cache_control": MARK} if at < theirs else {})}
                 for at in range(6)]  # fmt: skip
        messages = chat("", *turns)["messages"][1:]
        marks, blocks, _ = desk.ask({"system": parts, "messages": messages}, endpoint="messages", ahead=True)
        assert len(marks.at) + sum(block.mark is not None for block in blocks) <= 4


def test_in_a_long_agents_turn_the_last_entry_stays_within_reach() -> None:
    """More than twenty new blocks: a mark at what lies there, else nothing would be read."""
    desk = Desk()
    long: list[dict[str, Any]] = [{"role": "user", "content": "Begin."}]
    desk.ask({"messages": [{"role": "system", "content": RULES}, *long]})
    desk.ask({"messages": [{"role": "system", "content": RULES}, *long]})
    for i in range(30):
        call = {"id": f"c{i}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        long += [{"role": "assistant", "content": None, "tool_calls": [call]}]
        long += [{"role": "tool", "tool_call_id": f"c{i}", "content": f"Result {i}"}]
    desk.ask({"messages": [{"role": "system", "content": RULES}, *long]})
    marks, blocks, _ = desk.ask({"messages": [{"role": "system", "content": RULES}, *long, long[0]]})
    placed = [at for at, _ in marks.at]
    assert placed[-1] > 50
    assert blocks[placed[-1]].role == "tool"
    assert placed[:2] == [0, 1], "the end of the first request, which lies in the cache"


def test_marking_replaces_what_it_marks_and_nothing_else() -> None:
    data = chat(RULES, "One?", "Two?", tools=[{"type": "function", "function": {"name": "f"}}])
    before, blocks = copy.deepcopy(data), blocks_of("chat", data, len)
    changed = marked(data, {blocks[1].place: "1h", blocks[2].place: "5m"})
    assert data == before
    assert set(changed) == {"messages"}
    assert changed["messages"][0]["content"] == [
        {"type": "text", "text": RULES, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    ]
    assert changed["messages"][2:] == before["messages"][2:]
    assert unmarked({**data, **changed}, [blocks[1].place, blocks[2].place]) == {"messages": before["messages"]}


def test_a_tools_result_is_marked_as_a_whole_and_a_tool_where_it_stands() -> None:
    data: dict[str, Any] = {
        "tools": [{"type": "function", "function": {"name": "b"}}, {"type": "function", "function": {"name": "a"}}],
        "messages": [{"role": "user", "content": "?"}, {"role": "tool", "tool_call_id": "1", "content": "42"}],
    }
    blocks = blocks_of("chat", data, len)
    changed = marked(data, {blocks[1].place: "5m", blocks[3].place: "5m"})
    assert changed["tools"] == [data["tools"][0], {**data["tools"][1], "cache_control": MARK}]
    assert changed["messages"][1] == {**data["messages"][1], "cache_control": MARK}


def test_a_thinking_block_and_a_tools_call_are_never_marked() -> None:
    content = [{"type": "thinking", "thinking": RULES, "signature": "x"}, {"type": "tool_use", "id": "1"}]
    data = {"messages": [{"role": "assistant", "content": content}]}
    assert [block.markable for block in blocks_of("messages", data, len)] == [False, False]


def test_the_first_and_its_last_byte_both_count() -> None:
    def chain(system: str) -> bytes:
        return blocks_of("chat", chat(system, "?"), len)[-1].chain

    assert chain("a b") == chain("a b")
    assert len({chain("a b"), chain("b b"), chain("a c"), chain("a b ")}) == 4


def test_memory_is_bounded_and_what_is_used_least_goes_first() -> None:
    desk = Desk(max_families=5, max_prefixes=20)
    for i in range(40):
        rules = "\n".join(f"{i} says {at} of {i}." for at in range(60))
        desk.ask(chat(rules, "?"))
    assert len(desk.families.all()) == 5
    assert len(desk.families._seen) <= 20
    assert sum(len(each) for each in desk.families._by_feature.values()) <= 5 * 60


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(["chat", "messages"]),
    st.sampled_from(["messages", "system", "tools"]),
)
def test_no_nonsense_in_a_request_is_marked_wrongly(nonsense: Any, endpoint: str, where: str) -> None:
    """It is read without an error or left to the stage's edge; what is marked still holds every text."""
    data = {"messages": [{"role": "user", "content": "Hello?"}], where: nonsense}
    blocks = blocks_of(endpoint, data, len)
    for block in blocks:
        if block.markable:
            changed = marked(data, {block.place: "5m"})
            assert changed
            if block.mark is None:
                assert {**data, **unmarked(changed, [block.place])} == data
