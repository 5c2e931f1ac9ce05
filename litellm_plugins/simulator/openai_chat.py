"""Chat completions in OpenAI's wire protocol."""

import secrets
import time
import zlib
from typing import Any

from starlette.responses import Response

from litellm_plugins.simulator.answers import Answer
from litellm_plugins.simulator.openai_messages import check_calls
from litellm_plugins.simulator.openai_request import ChatRequest, parse_chat, prompt_tokens
from litellm_plugins.simulator.openai_stream import stream_parts
from litellm_plugins.simulator.paced import event_stream, json_reply
from litellm_plugins.simulator.spoken import Spoken, speak
from litellm_plugins.simulator.wire import Call


def chat(call: Call) -> Response:
    """`POST /v1/chat/completions`."""
    request = parse_chat(call.body)
    check_calls(request.messages)
    spoken = speak(call, [request.prompt], request.choices)
    call.record.asks(request.prompt.model, prompt_tokens(request, spoken.tokenizer))
    return _streamed(call, request, spoken) if request.stream else _whole(call, request, spoken)


def whole_completion(call: Call) -> tuple[dict[str, Any], int]:
    """The body of an answer that is not streamed, and its tokens. Raises: RequestError."""
    request = parse_chat(call.body)
    check_calls(request.messages)
    spoken = speak(call, [request.prompt], request.choices)
    call.record.asks(request.prompt.model, prompt_tokens(request, spoken.tokenizer))
    return _body(request, spoken), spoken.tokens


def openai_usage(asked: int, answered: int) -> dict[str, Any]:
    """Of chat completions and of completions."""
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


def request_id() -> dict[str, str]:
    """The header that names an answer."""
    return {"x-request-id": f"req_{secrets.token_hex(16)}"}


def fingerprint_of(model: str) -> str:
    """What OpenAI calls the configuration that a model ran with."""
    return f"fp_{zlib.crc32(model.encode()):010x}"


def _body(request: ChatRequest, spoken: Spoken) -> dict[str, Any]:
    return {
        **_head(request, "chat.completion"),
        "choices": [_choice(index, each, request.forced_function) for index, each in enumerate(spoken.answers)],
        "usage": _usage(request, spoken),
    }


def _whole(call: Call, request: ChatRequest, spoken: Spoken) -> Response:
    return json_reply(
        _body(request, spoken),
        call.record,
        due_s=spoken.due_s,
        tokens=spoken.tokens,
        headers=request_id(),
        ending=spoken.fault.ending,
    )


def _streamed(call: Call, request: ChatRequest, spoken: Spoken) -> Response:
    usage = _usage(request, spoken) if request.include_usage else None
    finishes = [_finish_reason(each, request.forced_function) for each in spoken.answers]
    parts = stream_parts(_head(request, "chat.completion.chunk"), spoken, finishes, usage)
    return event_stream(parts, call.record, headers=request_id(), ending=spoken.fault.ending)


def _head(request: ChatRequest, kind: str) -> dict[str, Any]:
    model = request.prompt.model
    return {
        # A new id for each answer, whatever it says: a client that sees an id again sees a cached answer.
        "id": f"chatcmpl-{secrets.token_hex(15)}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "service_tier": "default",
        "system_fingerprint": fingerprint_of(model),
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


def _usage(request: ChatRequest, spoken: Spoken) -> dict[str, Any]:
    return openai_usage(prompt_tokens(request, spoken.tokenizer), spoken.tokens)
