"""Which answers of the other endpoints are kept."""

from __future__ import annotations

from typing import Any

import pytest

from litellm_plugins.cache.storable import has_tool_calls, why_not_storable
from litellm_plugins.model import Reason
from tests.unit.cache.builders import chat, reply

TEXT = {"type": "text", "text": "Yes."}
USE = {"type": "tool_use", "id": "t", "name": "n", "input": {}}
PART = {"type": "output_text", "text": "Yes.", "annotations": []}
SAID = {"type": "message", "content": [PART]}
CALL = {"type": "function_call", "name": "n", "arguments": "{}"}


def message(*blocks: Any, stop: str | None = "end_turn") -> dict[str, Any]:
    return {"type": "message", "content": list(blocks), "stop_reason": stop}


def response(*items: Any, status: str = "completed") -> dict[str, Any]:
    return {"object": "response", "output": list(items), "status": status}


def completion(*texts: str, finish: str | None = "stop") -> dict[str, Any]:
    return {"choices": [{"text": each, "finish_reason": finish} for each in texts]}


def vectors(*each: Any) -> dict[str, Any]:
    return {"data": [{"embedding": vector} for vector in each]}


CASES: dict[str, tuple[str, dict[str, Any], Reason | None]] = {
    "a message": ("messages", message(TEXT), None),
    "a call": ("messages", message(USE, stop="tool_use"), None),
    "ended by a stop sequence": ("messages", message(TEXT, stop="stop_sequence"), None),
    "with a thought": ("messages", message({"type": "thinking", "thinking": "Hm."}, TEXT), None),
    "out of tokens": ("messages", message(TEXT, stop="max_tokens"), Reason.INCOMPLETE_ANSWER),
    "paused": ("messages", message(TEXT, stop="pause_turn"), Reason.INCOMPLETE_ANSWER),
    "refused": ("messages", message(TEXT, stop="refusal"), Reason.INCOMPLETE_ANSWER),
    "no end": ("messages", message(TEXT, stop=None), Reason.INCOMPLETE_ANSWER),
    "nothing said": ("messages", message(), Reason.EMPTY_ANSWER),
    "a search's result": ("messages", message(TEXT, {"type": "web_search_tool_result"}), Reason.UNSUPPORTED_CONTENT),
    "a response": ("responses", response(SAID), None),
    "a response's call": ("responses", response(CALL), None),
    "in parts": ("responses", response({"type": "reasoning", "summary": []}, SAID), None),
    "incomplete": ("responses", response(SAID, status="incomplete"), Reason.INCOMPLETE_ANSWER),
    "failed": ("responses", response(SAID, status="failed"), Reason.INCOMPLETE_ANSWER),
    "no output": ("responses", response(), Reason.EMPTY_ANSWER),
    "a search": ("responses", response({"type": "web_search_call"}, SAID), Reason.UNSUPPORTED_CONTENT),
    "sources": (
        "responses",
        response({"type": "message", "content": [{**PART, "annotations": [{}]}]}),
        Reason.UNSUPPORTED_CONTENT,
    ),
    "a completion": ("completions", completion("Yes."), None),
    "half a completion": ("completions", completion("Yes", finish="length"), Reason.INCOMPLETE_ANSWER),
    "an empty completion": ("completions", completion(""), Reason.EMPTY_ANSWER),
    "no choices": ("completions", completion(), Reason.EMPTY_ANSWER),
    "a vector": ("embeddings", vectors([0.1]), None),
    "an encoded vector": ("embeddings", vectors("AAAA"), None),
    "a vector too many": ("embeddings", vectors([0.1], [0.2]), Reason.INCOMPLETE_ANSWER),
    "an empty vector": ("embeddings", vectors([]), Reason.EMPTY_ANSWER),
}


@pytest.mark.parametrize("what", CASES)
def test_only_a_complete_answer_of_a_known_kind_is_kept(what: str) -> None:
    endpoint, body, refusal = CASES[what]
    assert why_not_storable(chat(endpoint=endpoint), reply(body)) is refusal


@pytest.mark.parametrize(("prompts", "n", "answers"), [(["a", "b"], 1, 2), (["a", "b"], 2, 4), ([1, 2, 3], 1, 1)])
def test_each_prompt_needs_its_answers(prompts: Any, n: int, answers: int) -> None:
    """The host sometimes answers the first only."""
    request = chat(endpoint="completions", messages=({"role": "user", "content": prompts},), parameters={"n": n})
    assert why_not_storable(request, reply(completion(*["Yes."] * answers))) is None
    fewer = why_not_storable(request, reply(completion(*["Yes."] * (answers - 1))))
    assert fewer in {Reason.INCOMPLETE_ANSWER, Reason.EMPTY_ANSWER}


@pytest.mark.parametrize(
    ("body", "calls"),
    [(message(TEXT), False), (message(TEXT, USE), True), (response(SAID), False), (response(SAID, CALL), True)],
)
def test_calls_are_seen_in_every_shape(body: dict[str, Any], calls: bool) -> None:
    """Such answers are served for the same request only."""
    assert has_tool_calls(body) is calls
