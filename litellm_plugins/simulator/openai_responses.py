"""Responses in OpenAI's wire protocol."""

import secrets
import time
from typing import Any

from starlette.responses import Response

from litellm_plugins.simulator.answers import Answer
from litellm_plugins.simulator.counted import counted
from litellm_plugins.simulator.openai_chat import request_id
from litellm_plugins.simulator.openai_messages import Message
from litellm_plugins.simulator.openai_request import prompt_tokens
from litellm_plugins.simulator.openai_responses_request import ResponsesRequest, parse_responses
from litellm_plugins.simulator.openai_responses_stream import stream_parts
from litellm_plugins.simulator.paced import event_stream, json_reply
from litellm_plugins.simulator.spoken import speak
from litellm_plugins.simulator.wire import Call

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
# What the answer says again of the request, and what it says where the request says nothing.
_ECHOED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


def responses(call: Call) -> Response:
    """`POST /v1/responses`."""
    request = parse_responses(call.body, call.conversations)
    spoken = speak(call, [request.chat.prompt])
    answered = spoken.answers[0]
    asked = prompt_tokens(request.chat, spoken.tokenizer)
    call.record.asks(request.chat.prompt.model, asked)
    body = _body(request, answered, asked)
    if request.store:
        call.conversations.keep(body["id"], [*request.conversation, _as_message(answered)])
    ending = spoken.fault.ending
    if request.chat.stream:
        parts = stream_parts(body, answered, spoken)
        return event_stream(parts, call.record, headers=request_id(), ending=ending)
    return json_reply(body, call.record, due_s=spoken.due_s, tokens=spoken.tokens, headers=request_id(), ending=ending)


def input_tokens(call: Call) -> Response:
    """`POST /v1/responses/input_tokens`."""
    request = parse_responses(call.body, call.conversations)
    return counted(call, request.chat, _worded_count, request_id())


def _worded_count(tokens: int) -> dict[str, Any]:
    return {"object": "response.input_tokens", "input_tokens": tokens}


def _body(request: ResponsesRequest, answered: Answer, asked_tokens: int) -> dict[str, Any]:
    given = request.body
    reason = _INCOMPLETE.get(answered.finish)
    status = "incomplete" if reason else "completed"
    return {
        "id": f"resp_{secrets.token_hex(24)}",
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": request.chat.prompt.model,
        "output": _output(answered, status),
        "reasoning": {"effort": None, "summary": None, **(given.get("reasoning") or {})},
        "service_tier": "default",
        "store": request.store,
        "text": {"format": {"type": "text"}, **(given.get("text") or {})},
        "usage": {
            "input_tokens": asked_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": answered.tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": asked_tokens + answered.tokens,
        },
        **{name: usual if given.get(name) is None else given[name] for name, usual in _ECHOED.items()},
    }


def _output(answered: Answer, status: str) -> list[dict[str, Any]]:
    if answered.tool_calls:
        return [
            {
                "id": f"fc_{secrets.token_hex(24)}",
                "type": "function_call",
                "status": status,
                "arguments": made.arguments,
                "call_id": made.id,
                "name": made.name,
            }
            for made in answered.tool_calls
        ]
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": answered.text}
    item = {"type": "message", "status": status, "content": [part], "role": "assistant"}
    return [{"id": f"msg_{secrets.token_hex(24)}", **item}]


def _as_message(answered: Answer) -> Message:
    if not answered.tool_calls:
        return {"role": "assistant", "content": answered.text}
    calls = [
        {"id": made.id, "type": "function", "function": {"name": made.name, "arguments": made.arguments}}
        for made in answered.tool_calls
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}
