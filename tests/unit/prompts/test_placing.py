"""Where sections stand in a body, and that nothing that was given is written to."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from litellm_plugins.prompts.placing import Unplaceable, placed, replaced

OURS = ["Common.", "Own."]
USER = {"role": "user", "content": "Why?"}


def chat(place: Any, *messages: Any) -> list[tuple[str, Any]]:
    body = {"messages": list(messages)}
    kept = copy.deepcopy(body)
    fields = placed("chat", body, OURS, place)
    assert body == kept
    return [(each["role"], each["content"]) for each in fields["messages"]]


def test_a_chat_gets_a_message_for_each_section_in_the_role_that_its_client_instructs_in() -> None:
    ours, user = [("system", "Common."), ("system", "Own.")], ("user", "Why?")
    assert chat("before", USER) == [*ours, user]
    theirs = {"role": "system", "content": "You are a clerk."}
    assert chat("before", theirs, USER) == [*ours, ("system", "You are a clerk."), user]
    assert chat("after", theirs, USER) == [("system", "You are a clerk."), *ours, user]
    assert chat("replace", theirs, USER, theirs) == [*ours, user]
    assert chat("before", {**theirs, "role": "developer"}, USER)[0] == ("developer", "Common.")


@pytest.mark.parametrize("given", [None, "", []])
def test_a_message_s_system_is_ours_alone_where_the_client_has_none(given: Any) -> None:
    assert [each["text"] for each in placed("messages", {"system": given}, OURS, "after")["system"]] == OURS


def test_a_message_s_system_keeps_the_client_s_blocks_as_they_are() -> None:
    marked = [{"type": "text", "text": "Rules.", "cache_control": {"type": "ephemeral"}}]
    assert placed("messages", {"system": marked}, OURS, "after")["system"][0] is marked[0]
    assert placed("messages", {"system": marked}, OURS, "before")["system"][-1] is marked[0]
    assert [each["text"] for each in placed("messages", {"system": "Hi"}, OURS, "before")["system"]] == [*OURS, "Hi"]
    assert len(placed("messages", {"system": marked}, OURS, "replace")["system"]) == 2


def test_a_response_s_instructions_are_one_text() -> None:
    assert placed("responses", {"input": "Why?"}, OURS, "before") == {"instructions": "Common.\n\nOwn."}
    said = {"instructions": "Hi", "input": [{"role": "developer", "content": "x"}, USER]}
    assert placed("responses", said, OURS, "before") == {"instructions": "Common.\n\nOwn.\n\nHi"}
    assert placed("responses", said, OURS, "after") == {"instructions": "Hi\n\nCommon.\n\nOwn."}
    assert placed("responses", said, OURS, "replace") == {"instructions": "Common.\n\nOwn.", "input": [USER]}


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("chat", {"messages": "Why?"}),
        ("chat", {"messages": [USER], "extra_body": {"messages": [USER]}}),
        ("messages", {"system": {"text": "x"}}),
        ("messages", {"extra_body": {"system": "x"}}),
        ("responses", {"prompt": {"id": "pmpt_1"}}),
        ("responses", {"instructions": ["x"]}),
        ("responses", {"extra_body": {"instructions": "x"}}),
    ],
)
def test_a_body_that_leaves_no_place_is_named(endpoint: str, body: Any) -> None:
    with pytest.raises(Unplaceable):
        placed(endpoint, body, OURS, "before")


@pytest.mark.parametrize("place", ["before", "after", "replace"])
@pytest.mark.parametrize(("endpoint", "more"), [("chat", {}), ("messages", {}), ("responses", {})])
def test_sections_give_way_to_others_at_the_same_place(endpoint: str, more: Any, place: Any) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "chat": {"messages": [{"role": "system", "content": "Clerk."}, USER]},
        "messages": {"system": "Clerk.", "messages": [USER]},
        "responses": {"instructions": "Clerk.", "input": "Why?"},
    }
    theirs = bodies[endpoint]
    now = ["Common.", "Other."]
    first = {**theirs, **placed(endpoint, theirs, OURS, place)}
    assert {**first, **replaced(endpoint, first, OURS, now, place)} == {
        **theirs,
        **placed(endpoint, theirs, now, place),
    }


def test_a_section_that_stays_keeps_its_mark_for_the_provider_s_cache() -> None:
    marked = {"role": "system", "content": [{"type": "text", "text": "Common.", "cache_control": {"type": "x"}}]}
    body = {"messages": [marked, {"role": "system", "content": "Own."}, USER]}
    assert replaced("chat", body, OURS, ["Common.", "Other."], "before")["messages"] == [
        marked,
        {"role": "system", "content": "Other."},
        USER,
    ]


def test_sections_that_are_gone_are_not_put_anywhere_else() -> None:
    with pytest.raises(Unplaceable):
        replaced("chat", {"messages": [USER]}, OURS, ["Other."], "before")
    with pytest.raises(Unplaceable):
        replaced("responses", {"instructions": "Hi"}, OURS, ["Other."], "before")
