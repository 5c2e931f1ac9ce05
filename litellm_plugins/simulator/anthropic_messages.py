"""Messages and token counts in Anthropic's wire protocol."""

import secrets
from typing import Any

import orjson
from starlette.responses import Response

from litellm_plugins.simulator.answers import Answer, ToolCall
from litellm_plugins.simulator.anthropic_blocks import blocks_of
from litellm_plugins.simulator.anthropic_fields import refused
from litellm_plugins.simulator.anthropic_request import parse_messages
from litellm_plugins.simulator.anthropic_stream import stream_parts
from litellm_plugins.simulator.counted import counted
from litellm_plugins.simulator.openai_request import prompt_tokens
from litellm_plugins.simulator.paced import event_stream, json_reply
from litellm_plugins.simulator.prompt_cache import CacheUse, minimum_tokens
from litellm_plugins.simulator.spoken import speak
from litellm_plugins.simulator.wire import Call

# The second takes no sampling parameters.
_VERSIONS = ("2023-06-01", "2026-10-21")
_SAMPLING = ("temperature", "top_p", "top_k")
_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


def messages(call: Call) -> Response:
    """`POST /v1/messages`."""
    _check_version(call)
    request = parse_messages(call.body)
    spoken = speak(call, [request.prompt])
    answered = spoken.answers[0]
    asked = prompt_tokens(request, spoken.tokenizer)
    blocks = blocks_of(call.body, spoken.tokenizer, asked)
    scope = f"{call.headers.get('x-api-key') or call.headers.get('authorization')}\n{request.prompt.model}"
    minimum = minimum_tokens(request.prompt.model)
    used = call.prompt_cache.use(scope, blocks, minimum=minimum, begins_in_s=spoken.pace.first_token_s)
    call.record.asks(request.prompt.model, asked, used)
    usage = _usage(asked, answered.tokens, used)
    message = _message(request.prompt.model, answered, usage)
    ending = spoken.fault.ending
    if request.stream:
        parts = stream_parts(message, answered, spoken)
        return event_stream(parts, call.record, headers=_request_id(), ending=ending)
    return json_reply(
        message, call.record, due_s=spoken.due_s, tokens=spoken.tokens, headers=_request_id(), ending=ending
    )


def count_tokens(call: Call) -> Response:
    """`POST /v1/messages/count_tokens`."""
    _check_version(call)
    request = parse_messages(call.body, counting=True)
    return counted(call, request, lambda tokens: {"input_tokens": tokens}, _request_id())


def _check_version(call: Call) -> None:
    version = call.headers.get("anthropic-version")
    if version is None:
        raise refused("anthropic-version", "header is required")
    if version not in _VERSIONS:
        raise refused("anthropic-version", f'"{version}" is not a valid version')
    for name in _SAMPLING if version == _VERSIONS[1] else ():
        if call.body.get(name) is not None:
            raise refused(name, f"is not supported in version {version}")


def _message(model: str, answered: Answer, usage: dict[str, Any]) -> dict[str, Any]:
    stopped = answered.finish == "stop" and answered.stopped_by is not None
    return {
        # A new id for each answer, whatever it says: a client that sees an id again sees a cached answer.
        "id": f"msg_{secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": _content(answered),
        "stop_reason": "stop_sequence" if stopped else _STOP_REASONS[answered.finish],
        "stop_sequence": answered.stopped_by if stopped else None,
        "usage": usage,
    }


def _content(answered: Answer) -> list[dict[str, Any]]:
    if answered.tool_calls:
        return [
            {
                "type": "tool_use",
                "id": f"toolu_{made.id.removeprefix('call_')}",
                "name": made.name,
                "input": _input(made),
            }
            for made in answered.tool_calls
        ]
    return [{"type": "text", "text": answered.text}] if answered.text else []


def _input(made: ToolCall) -> dict[str, Any]:
    try:
        given = orjson.loads(made.arguments)
    except orjson.JSONDecodeError:  # `max_tokens` cut it
        return {}
    return given if isinstance(given, dict) else {}


def _usage(asked: int, answered: int, used: CacheUse) -> dict[str, Any]:
    """`input_tokens` are those after the last mark that counts: the three together are the prompt."""
    return {
        "input_tokens": asked - used.read - used.written,
        "cache_creation_input_tokens": used.written,
        "cache_read_input_tokens": used.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": used.written_5m,
            "ephemeral_1h_input_tokens": used.written_1h,
        },
        "output_tokens": answered,
        "service_tier": "standard",
    }


def _request_id() -> dict[str, str]:
    return {"request-id": f"req_{secrets.token_hex(12)}"}
