"""What makes two requests the same on messages, responses, completions and embeddings."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.cache.keys import Keys, derive
from litellm_plugins.model import Reason, Request
from tests.unit.cache.builders import chat

MARK: dict[str, Any] = {"cache_control": {"type": "ephemeral"}}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"name": "weather", "input_schema": SCHEMA}
USE: dict[str, Any] = {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Paris"}}


def text(words: str = "And in Madrid?", **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def message(content: Any, role: str = "user", **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def result(content: Any = "12 degrees", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "t1", "content": content, **more}


def asked(endpoint: str, *messages: Any, **parameters: Any) -> Request:
    return chat(endpoint=endpoint, messages=tuple(messages), parameters=parameters)


def keys(request: Request) -> Keys:
    derived = derive(request, "team")
    assert isinstance(derived, Keys), derived
    return derived


CALLED = (message("Weather?"), message([USE], "assistant"), message([result()]))
MARKED: dict[str, tuple[Request, Request]] = {
    "on a block": (asked("messages", message([text()])), asked("messages", message([text(**MARK)]))),
    "on an earlier block": (
        asked("messages", message([text("Hi")]), message("Yo", "assistant"), message("So?")),
        asked("messages", message([text("Hi", **MARK)]), message("Yo", "assistant"), message("So?")),
    ),
    "on a call": (
        asked("messages", *CALLED),
        asked("messages", CALLED[0], message([{**USE, **MARK}], "assistant"), CALLED[2]),
    ),
    "on a result": (asked("messages", *CALLED), asked("messages", *CALLED[:2], message([result(**MARK)]))),
    "inside a result": (
        asked("messages", *CALLED[:2], message([result([text("12")])])),
        asked("messages", *CALLED[:2], message([result([text("12", **MARK)])])),
    ),
    "on the system prompt": (
        asked("messages", message("So?"), system=[text("Be brief.")]),
        asked("messages", message("So?"), system=[text("Be brief.", **MARK)]),
    ),
    "on a tool": (
        asked("messages", message("So?"), tools=[TOOL]),
        asked("messages", message("So?"), tools=[{**TOOL, **MARK}]),
    ),
    "on the request": (asked("messages", message("So?")), asked("messages", message("So?"), **MARK)),
}


@pytest.mark.parametrize("where", MARKED)
def test_a_prompt_cache_mark_changes_no_key(where: str) -> None:
    """Clients move them as a conversation grows."""
    one, other = MARKED[where]
    assert keys(one) == keys(other)


SAID: dict[str, tuple[Request, Request]] = {
    "an argument": (
        asked("messages", *CALLED),
        asked("messages", CALLED[0], message([{**USE, "input": {**USE["input"], **MARK}}], "assistant"), CALLED[2]),
    ),
    "a schema's property": (
        asked("messages", message("So?"), tools=[TOOL]),
        asked("messages", message("So?"), tools=[{**TOOL, "input_schema": {**SCHEMA, "properties": MARK}}]),
    ),
    "a result's failure": (
        asked("messages", *CALLED),
        asked("messages", *CALLED[:2], message([result(is_error=True)])),
    ),
}


@pytest.mark.parametrize("what", SAID)
def test_what_is_only_called_like_a_mark_counts(what: str) -> None:
    one, other = SAID[what]
    assert keys(one).exact != keys(other).exact


QUESTIONS: dict[str, tuple[Request, str | None]] = {
    "a message": (asked("messages", message("So?")), "So?"),
    "a message of one block": (asked("messages", message([text("So?", **MARK)])), "So?"),
    "a message of two blocks": (asked("messages", message([text("So?"), text("Hm?")])), None),
    "a tool's result": (asked("messages", *CALLED), None),
    "a prefill": (asked("messages", message("So?"), message("Well,", "assistant")), None),
    "with tools": (asked("messages", message("So?"), tools=[TOOL]), None),
    "a response's item": (asked("responses", message("So?")), "So?"),
    "a response's part": (asked("responses", message([{"type": "input_text", "text": "So?"}])), "So?"),
    "what the assistant said": (
        asked("responses", message([{"type": "output_text", "text": "So?"}], "assistant")),
        None,
    ),
    "a call's output": (
        asked("responses", {"type": "function_call_output", "call_id": "c", "output": "12"}),
        None,
    ),
    "a prompt": (asked("completions", message("So?")), "So?"),
    "two prompts": (asked("completions", message(["So?", "Hm?"])), None),
    "a prompt of tokens": (asked("completions", message([1, 2, 3])), None),
    "one prompt in a list": (asked("completions", message(["So?"])), None),
    "a text to embed": (asked("embeddings", message("So?")), None),
}


@pytest.mark.parametrize("what", QUESTIONS)
def test_the_question_is_the_last_turn_s_plain_text_or_there_is_none(what: str) -> None:
    request, question = QUESTIONS[what]
    assert keys(request).question == question


IMAGE = {"type": "image", "source": {}}
REFUSED: dict[str, tuple[Request, Reason]] = {
    "an image": (asked("messages", message([text(), IMAGE])), Reason.UNSUPPORTED_CONTENT),
    "an image in a result": (asked("messages", *CALLED[:2], message([result([IMAGE])])), Reason.UNSUPPORTED_CONTENT),
    "an image in the system prompt": (asked("messages", message("So?"), system=[IMAGE]), Reason.UNSUPPORTED_CONTENT),
    "a document": (asked("messages", message([{"type": "document"}])), Reason.UNSUPPORTED_CONTENT),
    "what a search found": (asked("messages", message([{"type": "search_result"}])), Reason.UNSUPPORTED_CONTENT),
    "web search": (
        asked("messages", message("So?"), tools=[{"type": "web_search_20250305"}]),
        Reason.UNSUPPORTED_PARAMETER,
    ),
    "a computer": (
        asked("messages", message("So?"), tools=[{"type": "computer_20250124"}]),
        Reason.UNSUPPORTED_PARAMETER,
    ),
    "remote tools": (asked("messages", message("So?"), mcp_servers=[{}]), Reason.UNSUPPORTED_PARAMETER),
    "an argument that is no number": (
        asked("messages", message([{**USE, "input": {"n": float("nan")}}], "assistant")),
        Reason.MALFORMED,
    ),
    "an earlier response": (asked("responses", message("So?"), previous_response_id="r"), Reason.UNSUPPORTED_PARAMETER),
    "a conversation": (asked("responses", message("So?"), conversation="c"), Reason.UNSUPPORTED_PARAMETER),
    "in the background": (asked("responses", message("So?"), background=True), Reason.UNSUPPORTED_PARAMETER),
    "a prompt template": (asked("responses", message("So?"), prompt={"id": "p"}), Reason.UNSUPPORTED_PARAMETER),
    "a response's web search": (
        asked("responses", message("So?"), tools=[{"type": "web_search"}]),
        Reason.UNSUPPORTED_PARAMETER,
    ),
    "a file": (asked("responses", message([{"type": "input_file"}])), Reason.UNSUPPORTED_CONTENT),
    "what lies at the provider": (
        asked("responses", {"type": "item_reference", "id": "i"}),
        Reason.UNSUPPORTED_CONTENT,
    ),
    "what a server's tool did": (
        asked("responses", {"type": "web_search_call", "id": "i"}),
        Reason.UNSUPPORTED_CONTENT,
    ),
    "an image a tool made": (
        asked("responses", {"type": "function_call_output", "output": [{"type": "input_image"}]}),
        Reason.UNSUPPORTED_CONTENT,
    ),
    "a prompt of nonsense": (asked("completions", message({"a": 1})), Reason.UNSUPPORTED_CONTENT),
    "tokens to embed": (asked("embeddings", message([[1, 2]])), Reason.UNSUPPORTED_CONTENT),
    "nothing to deliver it": (chat(endpoint="messages", deliverable=False), Reason.NO_DELIVERY),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_vouched_for_is_not_cached_and_says_why(what: str) -> None:
    request, reason = REFUSED[what]
    assert derive(request, "team") is reason


def test_whether_a_response_stays_at_the_provider_counts_for_responses_only() -> None:
    """A client may come back for it by its id."""
    kept, gone = (asked("responses", message("So?"), store=store) for store in (True, False))
    assert keys(kept).partition != keys(gone).partition
    kept, gone = (asked("chat", message("So?"), store=store) for store in (True, False))
    assert keys(kept).partition == keys(gone).partition


def test_no_two_endpoints_share_a_partition() -> None:
    names = ("chat", "messages", "responses", "completions", "embeddings")
    assert len({keys(asked(name, message("So?"))).partition for name in names}) == len(names)
