"""What is told as a stream is put together again to what was stored; what is not told to its end is nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import pytest

from litellm_plugins.proxy.wire import completions, messages, responses
from litellm_plugins.proxy.wire.sse import event, events_in, pieces

Json = dict[str, Any]
TEXT = "Press the button,\nthen wait; \u00e9 \u2028 event: message_stop\n\ndata: [DONE] response.completed"
USAGE = {"input_tokens": 9, "output_tokens": 5, "cache_read_input_tokens": 0}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris", "days": 3}}
THOUGHT = {"type": "thinking", "thinking": "Let me see.", "signature": "c2ln"}


def message(*blocks: Json, stop: str = "end_turn") -> Json:
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": list(blocks),
        "stop_reason": stop, "stop_sequence": None, "usage": USAGE,
    }  # fmt: skip


def said(text: str = TEXT) -> Json:
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [part]}


def response(*items: Json) -> Json:
    usage = {"input_tokens": 9, "output_tokens": 5, "total_tokens": 14}
    head = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt", "status": "completed"}
    return {**head, "output": list(items), "usage": usage, "metadata": {}}


def completion(*texts: str) -> Json:
    choices = [
        {"finish_reason": "stop", "index": index, "text": text, "logprobs": None} for index, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1,
        "model": "gpt",
        "choices": choices,
        "usage": usage,
    }


FUNCTION = {
    "type": "function_call", "id": "fc_1", "status": "completed", "call_id": "call_1", "name": "weather",
    "arguments": '{"city":"Paris"}',
}  # fmt: skip
ANSWERS: dict[str, tuple[ModuleType, Json]] = {
    "a message": (messages, message({"type": "text", "text": TEXT})),
    "a message of white space": (messages, message({"type": "text", "text": " \n "})),
    "a message that calls": (messages, message({"type": "text", "text": "Hm."}, CALL, CALL, stop="tool_use")),
    "a call without arguments": (messages, message({**CALL, "input": {}}, stop="tool_use")),
    "a message with thoughts": (messages, message(THOUGHT, {"type": "text", "text": TEXT})),
    "a message with hidden thoughts": (
        messages,
        message({"type": "redacted_thinking", "data": "eA=="}, {"type": "text", "text": TEXT}),
    ),
    "a response": (responses, response(said())),
    "a response that calls": (responses, response(FUNCTION, {**FUNCTION, "id": "fc_2"})),
    "a response with thoughts": (responses, response({"type": "reasoning", "id": "rs_1", "summary": []}, said())),
    "a custom call": (
        responses,
        response({"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "sh", "input": "ls"}),
    ),
    "a completion": (completions, completion(TEXT)),
    "two completions": (completions, completion(TEXT, " Two.")),
}


def told(module: ModuleType, body: Json) -> list[bytes]:
    stream: Callable[..., Iterator[bytes]] = module.stream
    return list(stream(body, include_usage=True))


def whole(module: ModuleType, raw: bytes) -> Any:
    put_together: Callable[[list[Json]], Mapping[str, Any] | None] = module.whole
    return put_together(events_in(raw))


@pytest.mark.parametrize("what", ANSWERS)
def test_an_answer_survives_its_stream(what: str) -> None:
    module, body = ANSWERS[what]

    assert whole(module, b"".join(told(module, body))) == body


@pytest.mark.parametrize("what", ANSWERS)
def test_the_end_of_a_stream_is_where_it_is_looked_for(what: str) -> None:
    module, body = ANSWERS[what]
    marked = [index for index, chunk in enumerate(told(module, body)) if module.END in chunk]

    assert marked
    assert marked[-1] >= len(told(module, body)) - 2


@pytest.mark.parametrize("what", ANSWERS)
def test_a_stream_without_its_end_is_no_answer(what: str) -> None:
    """Wherever it breaks off."""
    module, body = ANSWERS[what]
    chunks = told(module, body)
    last = {messages: 1, responses: 2, completions: 3}[module]  # a completion's end is its finish reasons

    for length in range(len(chunks) - last + 1):
        put_together = whole(module, b"".join(chunks[:length]))
        # Of several choices some may have come to their end; how many were wanted, the stream does not say.
        assert put_together is None or len(put_together["choices"]) < len(body["choices"])


def test_an_error_in_a_stream_makes_it_no_answer() -> None:
    broken = event({"type": "error", "error": {"type": "overloaded_error"}}, "error")
    chunks = told(messages, message({"type": "text", "text": "Yes."}))
    assert whole(messages, b"".join([*chunks[:3], broken, *chunks[3:]])) is None

    failed = event({"error": {"message": "gone"}})
    chunks = told(completions, completion("Yes."))
    assert whole(completions, b"".join([chunks[0], failed, *chunks[1:]])) is None


def test_a_kind_of_delta_that_nobody_knows_makes_no_answer() -> None:
    """Left out, it would be missing in every replay."""
    chunks = told(messages, message({"type": "text", "text": "Yes."}))
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": {}}}
    assert whole(messages, b"".join([*chunks[:2], event(delta), *chunks[2:]])) is None


def test_logprobs_told_in_parts_make_no_answer() -> None:
    part = {"index": 0, "text": "Yes", "logprobs": {"tokens": ["Yes"]}, "finish_reason": "stop"}
    assert whole(completions, event({"id": "cmpl-1", "choices": [part]})) is None


@pytest.mark.parametrize("ending", [b"", b": ping\n\n", b'event: ping\ndata: {"type": "ping"}\n\n'])
def test_pings_say_nothing(ending: bytes) -> None:
    module, body = ANSWERS["a message"]
    first, *rest = told(module, body)
    assert whole(module, b"".join([first, ending, *rest])) == body


def test_half_an_event_cannot_be_read() -> None:
    with pytest.raises(ValueError, match="unexpected"):
        events_in(b'data: {"type": "message_sto')


@pytest.mark.parametrize(
    "text", ["", " ", "a", TEXT, "  lead", "trail  ", "one two three four five six seven eight nine"]
)
def test_pieces_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text


def test_a_stream_tells_each_answer_s_usage() -> None:
    """Anthropic's always; a completion's where it was asked for."""
    events = events_in(b"".join(messages.stream(message({"type": "text", "text": "Yes."}))))
    assert events[-2]["usage"]["output_tokens"] == USAGE["output_tokens"]
    assert events[0]["message"]["usage"]["input_tokens"] == USAGE["input_tokens"]

    silent = events_in(b"".join(completions.stream(completion("Yes."))))
    asked = events_in(b"".join(completions.stream(completion("Yes."), include_usage=True)))
    assert all(each["usage"]["total_tokens"] == 0 for each in silent)
    assert asked[-1]["usage"]["total_tokens"] == 14
