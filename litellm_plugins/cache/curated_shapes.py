"""A curated answer in the wire shape of each endpoint. Pure.

It is kept as a chat completion and put into another shape as it is served. No tokens were used for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson


def chat_body(cache_id: str, answer: str, *, model: str, created: int) -> bytes:
    """The answer as a chat completion."""
    return orjson.dumps(
        {
            "id": f"chatcmpl-curated-{cache_id}",
            "object": "chat.completion",
            "created": created,
            "model": model,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        }
    )


def _unchanged(body: bytes) -> bytes:
    return body


def _message(body: bytes) -> bytes:
    chat = orjson.loads(body)
    return orjson.dumps(
        {
            "id": _id("msg", chat),
            "type": "message",
            "role": "assistant",
            "model": chat["model"],
            "content": [{"type": "text", "text": _answer(chat)}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},
        }
    )


def _response(body: bytes) -> bytes:
    chat = orjson.loads(body)
    said = {"type": "output_text", "text": _answer(chat), "annotations": []}
    item = {"id": _id("msg", chat), "type": "message", "role": "assistant", "status": "completed", "content": [said]}
    return orjson.dumps(
        {
            "id": _id("resp", chat),
            "object": "response",
            "created_at": chat["created"],
            "status": "completed",
            "model": chat["model"],
            "output": [item],
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": 0,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": 0,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": 0,
            },
        }
    )


def _id(kind: str, chat: Mapping[str, Any]) -> str:
    return f"{kind}_{str(chat['id']).removeprefix('chatcmpl-').replace('-', '_')}"


def _answer(chat: Mapping[str, Any]) -> str:
    return str(chat["choices"][0]["message"]["content"])


SHAPES: Mapping[str, Callable[[bytes], bytes]] = {"chat": _unchanged, "messages": _message, "responses": _response}
