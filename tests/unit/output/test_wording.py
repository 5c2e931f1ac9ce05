"""Where an instruction and stop sequences go in a request."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from litellm_plugins.output.wording import briefed, stopped

ASKED = {"role": "user", "content": "Why?"}
WORDS = "Be brief."
MARKED = {"type": "text", "text": "You are a clerk.", "cache_control": {"type": "ephemeral"}}


@pytest.mark.parametrize(
    ("before", "role"),
    [
        ([], "system"),
        ([{"role": "system", "content": "A"}], "system"),
        ([{"role": "system", "content": "A"}, {"role": "developer", "content": [MARKED]}], "developer"),
    ],
)
def test_in_a_chat_it_stands_behind_the_instructions_and_the_rest_stays(before: list[Any], role: str) -> None:
    turns = [ASKED, {"role": "assistant", "content": "So."}, {"role": "system", "content": "Late."}, ASKED]
    given = {"messages": [*before, *turns]}
    kept = copy.deepcopy(given)
    made = briefed("chat", given, WORDS)["messages"]
    assert made == [*before, {"role": role, "content": WORDS}, *turns]
    assert all(
        one is other for one, other in zip(made[len(before) + 1 :], given["messages"][len(before) :], strict=True)
    )
    assert given == kept, "the host and the ticket hold the client's own"


@pytest.mark.parametrize(
    ("system", "made"),
    [
        (None, WORDS),
        ("", WORDS),
        ("A", [{"type": "text", "text": "A"}, {"type": "text", "text": WORDS}]),
        ([MARKED], [MARKED, {"type": "text", "text": WORDS}]),
    ],
)
def test_in_messages_it_is_the_last_block_of_the_system_prompt(system: Any, made: Any) -> None:
    assert briefed("messages", {"system": system, "messages": [ASKED]}, WORDS) == {"system": made}


def test_in_responses_it_ends_the_instructions() -> None:
    assert briefed("responses", {"input": "Why?"}, WORDS) == {"instructions": WORDS}
    assert briefed("responses", {"instructions": "A", "input": "Why?"}, WORDS) == {"instructions": f"A\n\n{WORDS}"}


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("completions", {"prompt": "Why?"}),
        ("embeddings", {"input": "Why?"}),
        ("responses", {"prompt": {"id": "pmpt_1"}}),
        ("responses", {"instructions": ["odd"]}),
        ("messages", {"system": {"odd": 1}}),
        ("chat", {"messages": "odd"}),
        ("chat", {"messages": []}),
    ],
)
def test_where_there_is_no_place_for_it_nothing_changes(endpoint: str, body: dict[str, Any]) -> None:
    assert briefed(endpoint, body, WORDS) == {}


@pytest.mark.parametrize(
    ("body", "added"),
    [
        ({}, ("x", "y")),
        ({"stop": None}, ("x", "y")),
        ({"stop": "a"}, ("x", "y")),
        ({"stop": "x"}, ("y",)),
        ({"stop": ["a", "b", "c"]}, ("x",)),
        ({"stop": ["a", "b", "c", "d"]}, ()),
        ({"stop": ["a", "b", "c", "d", "e"]}, ()),
        ({"stop": {"odd": 1}}, ()),
        ({"extra_body": {"stop": "a"}}, ()),
        ({"extra_body": {"top_k": 1}}, ("x", "y")),
    ],
)
def test_stop_sequences_are_added_while_there_is_room(body: dict[str, Any], added: tuple[str, ...]) -> None:
    assert stopped(body, "stop", ("x", "y")) == added
