"""What an answer says is read alike off every endpoint's wire, whole or streamed."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.proxy.wire import chat, completions, messages, responses
from litellm_plugins.proxy.wire.said import said, said_so_far
from litellm_plugins.proxy.wire.sse import events_in
from litellm_plugins.routing.checks import Answer

HEAD = {"id": "a", "object": "x", "created": 1, "model": "m"}


def chat_of(finish: str, **message: Any) -> dict[str, Any]:
    return {**HEAD, "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", **message}}]}


def response_of(**more: Any) -> dict[str, Any]:
    parts = [{"type": "output_text", "text": "Paris it is, then.", "annotations": []}]
    return {"id": "r", "model": "m", "status": "completed", "output": [{"type": "message", "content": parts}], **more}


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
BODIES = [
    (chat, chat_of("stop", content="Paris it is, then."), Answer("Paris it is, then.", "stop")),
    (chat, chat_of("length", content="Paris"), Answer("Paris", "length")),
    (chat, chat_of("tool_calls", content=None, tool_calls=[CALL]), Answer("", "calls", calls=True)),
    (chat, chat_of("content_filter", content=""), Answer("", "refused")),
    (
        messages,
        {"content": [{"type": "text", "text": "Paris it is"}], "stop_reason": "max_tokens", "usage": {}},
        Answer("Paris it is", "length"),
    ),
    (
        messages,
        {
            "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}],
            "stop_reason": "tool_use",
            "usage": {},
        },
        Answer("", "calls", calls=True),
    ),
    (responses, response_of(), Answer("Paris it is, then.", "stop")),
    (
        completions,
        {**HEAD, "choices": [{"index": 0, "text": "Paris", "finish_reason": "length"}]},
        Answer("Paris", "length"),
    ),
]


@pytest.mark.parametrize(("wire", "body", "wanted"), BODIES)
def test_a_stream_says_what_the_whole_answer_says(wire: Any, body: dict[str, Any], wanted: Answer) -> None:
    assert said(body) == wanted
    assert said_so_far(events_in(b"".join(wire.stream(body)))) == wanted


def test_a_response_that_was_cut_says_so() -> None:
    cut = response_of(status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    assert said(cut).ending == "length"
    assert said_so_far([{"type": "response.incomplete", "response": cut}]).ending == "length"


def test_a_stream_that_is_not_over_or_ends_with_an_error_has_no_ending() -> None:
    events = events_in(b"".join(chat.stream(chat_of("stop", content="Paris it is, then."))))
    assert said_so_far(events[:2]) == Answer("Paris it is, then.", "")
    assert said_so_far([*events, {"error": {"message": "gone"}}]).ending == ""


def test_a_refusal_has_the_last_word() -> None:
    refused = chat_of("stop", content=None, refusal="No.")
    assert said(refused).ending == "refused"
    told = [
        {"choices": [{"index": 0, "delta": {"refusal": "No."}}]},
        {"choices": [{"index": 0, "finish_reason": "stop"}]},
    ]
    assert said_so_far(told).ending == "refused"


@pytest.mark.parametrize(
    "body",
    [
        response_of(output=[{"type": "computer_call", "action": {"type": "screenshot"}}]),
        response_of(output=[{"type": "image_generation_call", "result": "iVBORw0KGgo="}]),
        chat_of("stop", content=None, audio={"id": "a", "data": "UklG", "transcript": "Paris"}),
        chat_of("stop", content="", images=[{"image_url": {"url": "data:image/png;base64,"}}]),
    ],
)
def test_an_answer_in_other_than_words_is_not_an_empty_one(body: dict[str, Any]) -> None:
    assert said(body).calls


def test_what_the_provider_looked_up_by_itself_leaves_words_to_be_judged() -> None:
    looked = {"type": "web_search_call", "status": "completed"}
    body = response_of()
    assert not said({**body, "output": [looked, *body["output"]]}).calls
