"""Which parts of a request may be touched at all: OpenAI's form and Anthropic's, cache marks, tools, images."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litellm_plugins.compression.lossless import lossless
from litellm_plugins.compression.protected import Path, Why, touchable
from litellm_plugins.compression.question import SHORT, asks

DOCUMENT = "\n\n".join(
    f"Paragraph {at} tells how the bridge was built, who paid for it, and why it took so long to open it."
    for at in range(60)
)
TASK = "Summarise the report below for the board.\n\n"
QUESTION = "\n\nWho paid for the bridge, and when?"
LONG = TASK + DOCUMENT + QUESTION
MARK = {"cache_control": {"type": "ephemeral"}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
USER = {"role": "user", "content": LONG}
SYSTEM = {"role": "system", "content": LONG}
ASSISTANT = {"role": "assistant", "content": LONG}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": LONG}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def _text(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **more}


def _user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def _paths(request: dict[str, Any], **options: bool) -> list[Path]:
    return list(dict.fromkeys(part.path for part in touchable(request, **options).parts))


_TOOL_USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {"q": LONG}}
_TOOL_RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": [_text(LONG)]}
_ONE: list[Path] = [("messages", 0, "content")]

CASES: list[tuple[str, dict[str, Any], list[Path]]] = [
    ("one long turn", {"messages": [USER]}, _ONE),
    ("a short turn", {"messages": [{"role": "user", "content": "Why?"}]}, []),
    ("an empty turn", {"messages": [{"role": "user", "content": ""}]}, []),
    ("no messages", {}, []),
    ("messages that are none", {"messages": "hello"}, []),
    ("a message that is none", {"messages": [None, 3, USER]}, [("messages", 2, "content")]),
    ("content that is none", {"messages": [{"role": "user", "content": None}, {"role": "user"}]}, []),
    ("a system message", {"messages": [SYSTEM, USER]}, [("messages", 1, "content")]),
    ("a developer message", {"messages": [{**SYSTEM, "role": "developer"}, USER]}, [("messages", 1, "content")]),
    (
        "an assistant's turn",
        {"messages": [USER, ASSISTANT, USER]},
        [("messages", 0, "content"), ("messages", 2, "content")],
    ),
    ("a prefill", {"messages": [USER, {"role": "assistant", "content": LONG}]}, _ONE),
    ("a call and its result", {"messages": [USER, CALL, RESULT]}, _ONE),
    ("a function's result", {"messages": [USER, {"role": "function", "name": "f", "content": LONG}]}, _ONE),
    ("a role nobody knows", {"messages": [{"role": "critic", "content": LONG}]}, []),
    ("text blocks", {"messages": [_user(_text(LONG), _text("Why?"))]}, [("messages", 0, "content", 0, "text")]),
    ("an image", {"messages": [_user(IMAGE, _text(LONG))]}, [("messages", 0, "content", 1, "text")]),
    ("only an image", {"messages": [_user(IMAGE)]}, []),
    (
        "audio",
        {
            "messages": [
                _user({"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}, _text("What?"))
            ]
        },
        [],
    ),
    (
        "a file",
        {"messages": [_user({"type": "file", "file": {"file_id": "f1"}}, _text(LONG))]},
        [("messages", 0, "content", 1, "text")],
    ),
    (
        "an image of Anthropic's",
        {"messages": [_user({"type": "image", "source": {"type": "base64", "data": "iVBO"}}, _text(LONG))]},
        [("messages", 0, "content", 1, "text")],
    ),
    (
        "a document with citations",
        {
            "messages": [
                _user({"type": "document", "source": {"type": "text", "data": LONG}, "citations": {"enabled": True}})
            ]
        },
        [],
    ),
    (
        "a search result",
        {"messages": [_user({"type": "search_result", "source": "x", "title": "y", "content": [_text(LONG)]})]},
        [],
    ),
    (
        "Anthropic's tool turns",
        {"messages": [USER, {"role": "assistant", "content": [_TOOL_USE]}, _user(_TOOL_RESULT)]},
        _ONE,
    ),
    (
        "a tool result beside text",
        {"messages": [_user(_TOOL_RESULT, _text(LONG))]},
        [("messages", 0, "content", 1, "text")],
    ),
    (
        "thinking",
        {
            "messages": [
                USER,
                {"role": "assistant", "content": [{"type": "thinking", "thinking": LONG, "signature": "s"}]},
            ]
        },
        _ONE,
    ),
    ("a block that is none", {"messages": [_user("loose", _text(LONG))]}, [("messages", 0, "content", 1, "text")]),
    ("text that is none", {"messages": [_user({"type": "text", "text": None})]}, []),
    ("Anthropic's system", {"system": LONG, "messages": [USER]}, _ONE),
    ("Anthropic's system in blocks", {"system": [_text(LONG)], "messages": [USER]}, _ONE),
    ("a mark on the system block", {"system": [_text(LONG, **MARK)], "messages": [USER]}, _ONE),
    ("a mark on a turn's block", {"messages": [_user(_text(LONG, **MARK)), USER]}, [("messages", 1, "content")]),
    (
        "a mark on a later block of the same turn",
        {"messages": [_user(_text(LONG), _text("so", **MARK)), USER]},
        [("messages", 1, "content")],
    ),
    ("a mark on the last turn", {"messages": [USER, ASSISTANT, _user(_text(LONG, **MARK))]}, []),
    ("a mark on a message", {"messages": [{**USER, **MARK}, USER]}, [("messages", 1, "content")]),
    (
        "a mark on an answer",
        {"messages": [USER, {"role": "assistant", "content": [_text("x", **MARK)]}, USER]},
        [("messages", 2, "content")],
    ),
    (
        "a mark within a tool result",
        {"messages": [USER, _user({**_TOOL_RESULT, "content": [_text("x", **MARK)]}), USER]},
        [("messages", 2, "content")],
    ),
    ("a mark on an image", {"messages": [_user({**IMAGE, **MARK}), USER]}, [("messages", 1, "content")]),
    (
        "two marks",
        {"messages": [_user(_text(LONG, **MARK)), USER, _user(_text("x", **MARK)), USER]},
        [("messages", 3, "content")],
    ),
    (
        "Bedrock's mark",
        {"messages": [_user(_text(LONG), {"cachePoint": {"type": "default"}}), USER]},
        [("messages", 1, "content")],
    ),
    ("a mark on tools only", {"tools": [{**TOOL, **MARK}], "messages": [USER]}, _ONE),
    ("automatic caching", {**MARK, "messages": [USER, USER]}, []),
    ("a mark that says nothing", {"messages": [{**USER, "cache_control": None}]}, _ONE),
    (
        "the host marks the system prompt",
        {
            "cache_control_injection_points": [{"location": "message", "role": "system"}],
            "messages": [USER, SYSTEM, USER],
        },
        [("messages", 2, "content")],
    ),
    (
        "the host marks the last message",
        {"cache_control_injection_points": [{"location": "message", "index": -1}], "messages": [USER, USER]},
        [],
    ),
    (
        "the host marks the first message",
        {"cache_control_injection_points": [{"location": "message", "index": "0"}], "messages": [USER, USER]},
        [("messages", 1, "content")],
    ),
    (
        "the host marks users",
        {"cache_control_injection_points": [{"location": "message", "role": "user"}], "messages": [USER, ASSISTANT]},
        [],
    ),
]


@pytest.mark.parametrize(("request_", "paths"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_may_be_touched(request_: dict[str, Any], paths: list[Path]) -> None:
    before = copy.deepcopy(request_)
    assert _paths(request_) == paths
    assert touchable(request_) == touchable(before)
    assert request_ == before


@pytest.mark.parametrize("request_", [case[1] for case in CASES], ids=[case[0] for case in CASES])
def test_images_calls_results_and_questions_are_byte_equal_afterwards(request_: dict[str, Any]) -> None:
    """What a method does to what it may touch changes nothing else, and the task and the question stand there still."""
    after = json.loads(json.dumps(request_))  # no two turns are one object
    for part in reversed(touchable(request_).parts):
        at: Any = after
        for step in part.path[:-1]:
            at = at[step]
        text = at[part.path[-1]]
        at[part.path[-1]] = text[: part.start] + "~" + text[part.end :]
    assert _rest(after) == _rest(request_)
    for path in _paths(request_):
        at = after
        for step in path:
            at = at[step]
        assert at.startswith(TASK)
        assert at.endswith(QUESTION)
        assert len(at) < len(LONG) / 2


def _rest(node: Any) -> Any:
    """Everything but the long texts of users."""
    if isinstance(node, dict):
        return {key: _rest(child) for key, child in node.items()}
    if isinstance(node, list):
        return [_rest(child) for child in node]
    return "long" if isinstance(node, str) and node.startswith(TASK) else node


def test_why_a_part_stays() -> None:
    request = {
        "system": LONG,
        "messages": [_user(_text("x", **MARK)), USER, ASSISTANT, CALL, RESULT, _user(IMAGE, _TOOL_RESULT)],
    }
    assert [(kept.path[-2:], kept.why) for kept in touchable(request).kept] == [
        (("system",), Why.CACHED),
        ((0, "content"), Why.CACHED),
        ((1, "content"), Why.QUESTION),
        ((2, "content"), Why.ASSISTANT),
        ((3, "content"), Why.ASSISTANT),
        ((4, "content"), Why.TOOL),
        (("content", 0), Why.NOT_TEXT),
        (("content", 1), Why.TOOL),
    ]


def test_instructions_are_touched_where_that_is_asked_for() -> None:
    request = {"system": LONG, "messages": [SYSTEM, USER]}
    assert _paths(request, system=True) == [("system",), ("messages", 0, "content"), ("messages", 1, "content")]
    assert _paths({"system": [_text(LONG, **MARK)], "messages": [SYSTEM]}, system=True) == [("messages", 0, "content")]


def test_tools_may_be_tightened_only_where_nothing_after_them_is_cached() -> None:
    assert touchable({"tools": [TOOL], "messages": [USER]}).tools
    assert not touchable({"tools": [{**TOOL, **MARK}], "messages": [USER]}).tools
    assert not touchable({"tools": [TOOL], "system": [_text("x", **MARK)], "messages": [USER]}).tools
    assert not touchable({"tools": [TOOL], "messages": [{**USER, **MARK}]}).tools


def test_a_turn_is_cut_the_same_way_when_it_is_history() -> None:
    """Or a provider's cached prefix would end at the first turn that was compressed."""
    new = touchable({"messages": [USER]}).parts
    old = touchable({"messages": [USER, ASSISTANT, {"role": "user", "content": "And then?"}]}).parts
    assert old == new


@pytest.mark.parametrize(
    "ask",
    [
        "Who paid for it?",
        "¿Quién lo pagó?",
        "谁付了钱\uff1f",
        "Task: name the person who paid.",
        "**Question:** the year",
        "Pregunta:\nel año",
        "<question>the year it opened\n\nin words</question>",
    ],
)
def test_a_question_in_the_middle_is_found(ask: str) -> None:
    text = f"{DOCUMENT}\n\n{ask}\n\n{DOCUMENT}"
    at = text.index(ask)
    assert any(start <= at and at + len(ask) <= end for start, end in asks(text))


@given(
    st.lists(
        st.sampled_from(["word ", "word. ", "?", "\n", "\n\n", "Question: ", "x" * 200, "<task>", "</task>"]),
        max_size=80,
    ).map("".join)
)
@settings(deadline=None, max_examples=200)
def test_questions_lie_in_the_text_in_their_order(text: str) -> None:
    spans = asks(text)
    assert all(start < end for start, end in spans)
    assert [*spans] == sorted(spans)
    assert all(spans[at][1] < spans[at + 1][0] for at in range(len(spans) - 1))
    assert not text or (spans[0][0] == 0 and spans[-1][1] == len(text))
    assert len(text) > SHORT or spans == ([(0, len(text))] if text else [])


def test_lossless_on_what_may_be_touched_keeps_the_rest() -> None:
    noisy = LONG.replace(" who", "   who")
    text = noisy
    for part in reversed(touchable({"messages": [{"role": "user", "content": noisy}]}).parts):
        text = text[: part.start] + lossless(text[part.start : part.end]) + text[part.end :]
    assert text.startswith(TASK)
    assert text.endswith(QUESTION)
    assert len(text) < len(noisy)


def test_a_label_before_blank_lines_takes_no_time() -> None:
    """The blank lines before each were read again."""
    began = time.thread_time()
    asks("Answer:" + "\n" * 300_000 + "So.")
    assert time.thread_time() - began < 1.0
