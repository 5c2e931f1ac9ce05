"""Which lines of a system prompt may go to its end, and that nothing else becomes of it."""

from __future__ import annotations

import copy
import time
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litellm_plugins.model import VolatileReason as Why
from litellm_plugins.prompt_caching.moving import Changing, Move, at_end, move, restored
from litellm_plugins.prompt_caching.stamps import stamp_of
from litellm_plugins.prompt_caching.volatile import read

DATE = "Current date: 2027-03-05"
BEGIN, END = "You help the customers of a shop.", "Answer in two sentences."
STAMPED = [
    "2027-03-05T10:31:07Z",
    "Friday, 5 March 2027",
    "Current date: 2027-03-05",
    "Current date and time: 2027-03-05 10:31:07 UTC",
    "Today's date: March 5th, 2027",
    "Today is Friday, 5 March 2027.",
    "It is 2027-03-05T10:31:07.250+01:00.",
    "The current time is 10:31 am",
    "Timestamp: 1804238400",
    "Now: 10:31",
    "Request id: 9f86d081884c7d65",
    "Session ID: 0b9d5f0e-8d0f-4a53-9a4e-2f3d1c9a0b7e",
    "Session: sess_12ab34",
    "Fecha actual: 05/03/2027",
    "Hoy es viernes, 5 de marzo de 2027.",
    "Son las 10:31 h",
    "Sesión: 9f86d081884c",
    "Id de la petición: 9f86d081884c",
]
OTHER = [
    "Today is 5 March 2027, a holiday in Spain.",
    "The contract ends on 2027-03-05.",
    "Date of birth: 1990-03-05",
    "Date: 2027-03-05",  # a letter's head has one, too
    "Today is a good day.",
    "Version 10.1.2027.3",
    "Order id: 9f86d081884c",
    "Customer id: 9f86d081884c",
    "  Current date: 2027-03-05",
    "- Current date: 2027-03-05",
    '"Current date: 2027-03-05"',
    "`2027-03-05`",
    "> 2027-03-05",
    "| 2027-03-05 |",
    "Request: where is my parcel 1234567?",
    "Current date: {{date}}",
    "Session: morning",
]


def chat(system: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": system}, {"role": "user", "content": "Where is it?"}], **more}


def told(desk: Changing, system: Any, *, own_block: bool = False, tenant: str = "us", **more: Any) -> Move:
    return move("chat", chat(system, **more), desk, tenant, "claude", own_block=own_block)


def prompt(*lines: str, stamp: str = DATE) -> str:
    return "\n".join([BEGIN, stamp, *(lines or (END,))])


@pytest.mark.parametrize("line", STAMPED)
def test_a_line_that_says_only_when_or_which_one_may_move(line: str) -> None:
    assert stamp_of(line) is not None
    assert [(each.text, each.at) for each in read([prompt(stamp=line)]).lines] == [(0, 1)]


@pytest.mark.parametrize("line", OTHER)
def test_a_line_that_says_more_may_not(line: str) -> None:
    assert stamp_of(line) is None
    assert not read([prompt(stamp=line)]).lines


@pytest.mark.parametrize(
    ("above", "below"),
    [
        (["```", BEGIN], [END, "```"]),
        (["~~~", BEGIN], [END]),  # never closed
        (['{"a": 1,', BEGIN], [END, "}"]),
        (["[1,", BEGIN], [END, "]"]),
        (["<document>", BEGIN], [END, "</document>"]),
        (['He said: "Well.', BEGIN], [END, 'Bye."']),
        (["«Bien.", BEGIN], [END, "Adiós.»"]),
        (["---", BEGIN], [END, "---", "Be kind."]),
        (["# Context"], [END]),
        (["The meeting was on:"], [END]),
        (["The order was placed on"], [END]),
        (["1. Be brief."], [END]),
        (["- Be brief."], [END]),
        (["> Be brief."], [END]),
        (["User: Hello."], [END]),
        ([BEGIN], ["- the parcel", END]),
        ([BEGIN], ["", "* the parcel", END]),
        ([BEGIN], ["  the parcel", END]),
        ([BEGIN], ["and the parcel came.", END]),
        ([BEGIN], ["Subject: parcels", END]),
        ([BEGIN], ["Assistant: Hello.", END]),
        ([BEGIN], ["It is a holiday.", END]),
        ([BEGIN], [END, "Use the date above in every letter."]),
        ([BEGIN], [END, "Begin each letter with this date."]),
        ([BEGIN], [END, "The second line tells the time."]),
        ([BEGIN], [END, "Usa la fecha de arriba."]),
        ([BEGIN], [END, "Empieza con dicha fecha."]),
        (["The date is given below.", BEGIN], [END]),
        ([BEGIN], ["Be kind.", "Current date: 2026-01-01", END]),
        ([BEGIN], [END, "Then write:", "```"]),  # it would get into the code
    ],
)
def test_in_doubt_it_stays(above: list[str], below: list[str]) -> None:
    desk = Changing(most=10)
    for day in (5, 6, 7):
        found = told(desk, "\n".join([*above, f"Current date: 2027-03-0{day}", *below]))
        assert (found.reason, found.fields) == (Why.IN_DOUBT, None)


def test_a_line_moves_once_it_was_seen_to_change_and_from_then_on_always() -> None:
    desk = Changing(most=10)
    found = [told(desk, prompt(stamp=f"Current date: 2027-03-0{day}")) for day in (5, 5, 6, 6, 5)]
    assert [each.reason for each in found] == [Why.NOT_SEEN_TO_CHANGE] * 2 + [Why.MOVED] * 3
    assert found[2].now == f"{BEGIN}\n{END}\nCurrent date: 2027-03-06"


def test_only_the_line_that_changed_moves() -> None:
    desk = Changing(most=10)
    for session in ("sess_1111", "sess_2222"):
        found = told(desk, prompt(END, "Be kind.", f"Session: {session}", "Be brief."))
    assert (found.lines, found.now) == (1, "\n".join([BEGIN, DATE, END, "Be kind.", "Be brief.", "Session: sess_2222"]))


def test_a_date_in_a_prompt_that_changed_elsewhere_is_another_prompts() -> None:
    """A document of another day, say: its date is no clock."""
    desk = Changing(most=10)
    for at in range(5):
        found = told(desk, prompt(f"Case {at} was won.", stamp=f"2027-03-0{at + 1}"))
        assert found.reason is Why.NOT_SEEN_TO_CHANGE


def test_tenants_models_and_the_least_used_share_nothing() -> None:
    desk = Changing(most=1)
    told(desk, prompt())
    later = prompt(stamp="Current date: 2027-03-06")
    assert told(desk, later, tenant="them").reason is Why.NOT_SEEN_TO_CHANGE
    assert told(desk, prompt()).reason is Why.NOT_SEEN_TO_CHANGE, "it was given up for theirs"
    assert told(desk, later).reason is Why.MOVED


def test_for_anthropic_they_are_the_last_block() -> None:
    desk = Changing(most=10)
    told(desk, prompt(), own_block=True)
    data = chat(prompt(stamp="Current date: 2027-03-06"))
    before = copy.deepcopy(data)
    found = move("chat", data, desk, "us", "claude", own_block=True)
    assert data == before, "nothing is written into what was given"
    assert found.fields is not None
    sent = found.fields["messages"]
    assert sent[0] == {
        "role": "system",
        "content": [
            {"type": "text", "text": f"{BEGIN}\n{END}\n"},
            {"type": "text", "text": "Current date: 2027-03-06"},
        ],
    }
    assert sent[1:] == before["messages"][1:]
    assert restored("chat", dict(found.fields), found) == {"messages": before["messages"]}


def test_a_prompt_that_somebody_wrote_to_since_is_not_restored() -> None:
    desk = Changing(most=10)
    told(desk, prompt(), own_block=True)
    found = told(desk, prompt(stamp="Current date: 2027-03-06"), own_block=True)
    assert restored("chat", chat("Another."), found) == {}


def test_a_system_prompt_of_anthropics_sdk_in_blocks() -> None:
    """A block of which nothing is left goes: no provider takes an empty one."""
    desk = Changing(most=10)
    for day in (5, 6):
        parts = [{"type": "text", "text": text} for text in (BEGIN, f"Current date: 2027-03-0{day}", END)]
        found = move("messages", {"system": parts, "messages": []}, desk, "us", "claude", own_block=True)
    assert found.fields is not None
    assert [part["text"] for part in found.fields["system"]] == [BEGIN, END, "Current date: 2027-03-06"]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"cache_control": {"type": "ephemeral"}}, Why.CLIENT_MARKS),
        ({"tools": [{"name": "look", "cache_control": {"type": "ephemeral"}}]}, Why.CLIENT_MARKS),
    ],
)
def test_the_clients_own_marks_are_left_alone(more: dict[str, Any], reason: Why) -> None:
    desk = Changing(most=10)
    for day in (5, 6, 7):
        assert told(desk, prompt(stamp=f"Current date: 2027-03-0{day}"), **more).reason is reason


@pytest.mark.parametrize(
    ("system", "reason"),
    [
        ([{"type": "text", "text": prompt(), "cache_control": {"type": "ephemeral"}}], Why.CLIENT_MARKS),
        ([{"type": "text", "text": prompt(), "id": "a"}], Why.UNSUPPORTED_CONTENT),
        ([{"type": "image"}], Why.UNSUPPORTED_CONTENT),
        (None, Why.UNSUPPORTED_CONTENT),
        (BEGIN, Why.NO_VOLATILE_LINE),
    ],
)
def test_what_is_no_plain_text_is_left_alone(system: Any, reason: Why) -> None:
    assert told(Changing(most=10), system).reason is reason


def test_a_prompt_that_says_nothing_else_stays() -> None:
    desk = Changing(most=10)
    assert [told(desk, f"Now: 10:3{at}").reason for at in range(2)] == [Why.NOT_SEEN_TO_CHANGE, Why.IN_DOUBT]


def test_two_system_prompts_are_left_alone() -> None:
    data = chat(prompt())
    data["messages"].append({"role": "system", "content": "Be kind."})
    assert move("chat", data, Changing(most=1), "us", "m", own_block=False).reason is Why.UNSUPPORTED_CONTENT


CALM = st.lists(st.sampled_from([*STAMPED, BEGIN, END, ""]), min_size=1, max_size=8)
WILD = st.lists(
    st.sampled_from(
        [*STAMPED, *OTHER, BEGIN, END, "", "", "- Be brief.", "# Context", "```", "<a>", "</a>", "{", "}", '"', "---"]
    )
    | st.text(max_size=30),
    min_size=1,
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(CALM, min_size=1, max_size=3) | st.lists(WILD, min_size=1, max_size=3),
    st.booleans(),
    st.booleans(),
    st.data(),
)
def test_every_word_is_kept_nothing_else_changes_and_once_is_enough(
    parts: list[list[str]], as_text: bool, own_block: bool, data: st.DataObject
) -> None:
    texts = ["\n".join(lines) for lines in parts]
    content: Any = texts[0] if as_text else [{"type": "text", "text": text} for text in texts]
    given_texts = [content] if as_text else texts
    found = read(given_texts)
    assert found == read(given_texts)
    chosen = [line for line in found.lines if data.draw(st.sampled_from([True, True, False]))]
    if not chosen:
        return
    before = copy.deepcopy(content)
    now = at_end(content, chosen, own_block=own_block)
    assert content == before
    if now is None:
        return
    taken = [given_texts[line.text].split("\n")[line.at] for line in chosen]
    assert words(now) == words(content)
    flat = [line for text in plain(now) for line in text.split("\n") if line.strip()]
    assert flat[-len(taken) :] == taken, "the same words, in the same order"
    rest = [
        line
        for number, text in enumerate(given_texts)
        for at, line in enumerate(text.split("\n"))
        if line.strip() and (number, at) not in {(each.text, each.at) for each in chosen}
    ]
    assert flat[: -len(taken)] == rest
    if isinstance(now, str):
        assert Counter(now) == Counter(content)
    again = read(plain(now))
    same = [line for line in again.lines if plain(now)[line.text].split("\n")[line.at] in taken]
    assert not same or at_end(now, same, own_block=own_block) == now


def plain(content: Any) -> list[str]:
    return [content] if isinstance(content, str) else [part["text"] for part in content]


def words(content: Any) -> Counter[str]:
    return Counter(word for text in plain(content) for word in text.split())


@pytest.mark.parametrize(
    "text",
    [
        "it above " * 30_000,
        "User" + " " * 100_000,
        "<a " * 50_000,
        "\n".join(["Current date: 2027-03-05 "] * 5_000),
        "\n".join(f"<a{at}>" for at in range(10_000)),
        "\n".join(['"{[<a>'] * 5_000 + [DATE]),
    ],
)
def test_no_prompt_takes_long_to_be_read(text: str) -> None:
    began = time.thread_time()
    read([f"{DATE}\n{text}\n{END}"])
    assert time.thread_time() - began < 1.0
