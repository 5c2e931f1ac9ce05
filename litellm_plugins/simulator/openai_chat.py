"""Chat completions in OpenAI's wire protocol."""

import secrets
import time
import zlib
from typing import Any

from starlette.responses import Response

from litellm_plugins.simulator.answers import Answer, answer
from litellm_plugins.simulator.faults import HEADER, Fault, parse_fault
from litellm_plugins.simulator.latency import Pace, draw_pace
from litellm_plugins.simulator.openai_request import ChatRequest, parse_chat, prompt_tokens
from litellm_plugins.simulator.openai_stream import stream_parts
from litellm_plugins.simulator.paced import EVENT_STREAM_TYPE, PacedResponse, json_reply
from litellm_plugins.simulator.tokens import Tokenizer, tokenizer_for
from litellm_plugins.simulator.wire import Call, RequestError


def chat(call: Call) -> Response:
    """`POST /v1/chat/completions`."""
    request = parse_chat(call.body)
    fault = parse_fault(call.headers.get(HEADER, ""), request.prompt.question)
    raise_if_failing(fault)
    tokenizer = tokenizer_for(request.prompt.model)
    answers = [answer(request.prompt, choice, tokenizer, fault) for choice in range(request.choices)]
    drawn = draw_pace(request.prompt.model, request.prompt.seed, call.settings.latency_scale)
    pace = Pace(drawn.first_token_s + fault.stall_s, drawn.token_s)
    if request.stream:
        return _streamed(call, request, answers, pace, fault, tokenizer)
    return _whole(call, request, answers, pace, fault, tokenizer)


def raise_if_failing(fault: Fault) -> None:
    """Raises: RequestError, where the fault is an error status."""
    if fault.status == 429:
        message = "Rate limit reached for requests"
        raise RequestError(429, message, code="rate_limit_exceeded", retry_after_s=1, stall_s=fault.stall_s)
    if fault.status is not None:
        message = "The server had an error while processing your request. Sorry about that!"
        raise RequestError(fault.status, message, stall_s=fault.stall_s)


def _whole(
    call: Call, request: ChatRequest, answers: list[Answer], pace: Pace, fault: Fault, tokenizer: Tokenizer
) -> Response:
    usage = _usage(request, answers, tokenizer)
    body = {
        **_head(request, "chat.completion"),
        "choices": [_choice(index, each, request.forced_function) for index, each in enumerate(answers)],
        "usage": usage,
    }
    spoken_s = max(each.tokens for each in answers) * pace.token_s
    return json_reply(
        body,
        call.record,
        due_s=pace.first_token_s + spoken_s,
        tokens=usage["completion_tokens"],
        headers=_request_id(),
        drop=fault.disconnect,
    )


def _streamed(
    call: Call, request: ChatRequest, answers: list[Answer], pace: Pace, fault: Fault, tokenizer: Tokenizer
) -> Response:
    usage = _usage(request, answers, tokenizer) if request.include_usage else None
    finishes = [_finish_reason(each, request.forced_function) for each in answers]
    head = _head(request, "chat.completion.chunk")
    parts = stream_parts(head, answers, finishes, pace, tokenizer, usage)
    headers = {**_request_id(), "cache-control": "no-cache"}
    return PacedResponse(parts, call.record, media_type=EVENT_STREAM_TYPE, headers=headers, drop=fault.disconnect)


def _head(request: ChatRequest, kind: str) -> dict[str, Any]:
    model = request.prompt.model
    return {
        # A new id for each answer, whatever it says: a client that sees an id again sees a cached answer.
        "id": f"chatcmpl-{secrets.token_hex(15)}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "service_tier": "default",
        "system_fingerprint": f"fp_{zlib.crc32(model.encode()):010x}",
    }


def _choice(index: int, answered: Answer, forced_function: bool) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if answered.tool_calls else answered.text,
        "refusal": None,
        "annotations": [],
    }
    if answered.tool_calls:
        message["tool_calls"] = [
            {"id": made.id, "type": "function", "function": {"name": made.name, "arguments": made.arguments}}
            for made in answered.tool_calls
        ]
    finish = _finish_reason(answered, forced_function)
    return {"index": index, "message": message, "logprobs": None, "finish_reason": finish}


def _finish_reason(answered: Answer, forced_function: bool) -> str:
    # OpenAI says "stop" after a call that `tool_choice` forced by name, "tool_calls" after any other.
    return "stop" if forced_function and answered.finish == "tool_calls" else answered.finish


def _usage(request: ChatRequest, answers: list[Answer], tokenizer: Tokenizer) -> dict[str, Any]:
    asked, answered = prompt_tokens(request, tokenizer), sum(each.tokens for each in answers)
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _request_id() -> dict[str, str]:
    return {"x-request-id": f"req_{secrets.token_hex(16)}"}
