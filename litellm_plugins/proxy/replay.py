"""A stored answer as the stream a client asked for: server-sent events in OpenAI's chunk shape. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

DONE = b"data: [DONE]\n\n"
_PIECE = re.compile(r"\s*\S+\s*", re.DOTALL)
_WORDS_PER_CHUNK = 8


def chunks(body: Mapping[str, Any], *, model: str, include_usage: bool) -> Iterator[bytes]:
    """The events of one answer, `[DONE]` included. Together their deltas are the answer, byte for byte."""
    head = {"id": body["id"], "object": "chat.completion.chunk", "created": body["created"], "model": model}
    if body.get("system_fingerprint") is not None:
        head["system_fingerprint"] = body["system_fingerprint"]
    for choice in body["choices"]:
        index = choice.get("index", 0)
        for delta, logprobs in _deltas(choice):
            yield _event(head, [{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}])
        end = {"index": index, "delta": {}, "logprobs": None, "finish_reason": choice["finish_reason"]}
        yield _event(head, [end])
    if include_usage:
        yield _event({**head, "usage": body.get("usage")}, [])
    yield DONE


def _deltas(choice: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
    message = {name: value for name, value in choice["message"].items() if value is not None}
    content, calls = message.pop("content", None), message.pop("tool_calls", None)
    logprobs = choice.get("logprobs")
    yield (
        {**message, "role": message.get("role", "assistant"), "content": "" if content is not None else None},
        None,
    )
    if isinstance(content, str) and content:
        if logprobs:  # one per token, and we do not know which tokens make which words: keep them together
            yield {"content": content}, logprobs
        else:
            for piece in _pieces(content):
                yield {"content": piece}, None
    for position, call in enumerate(calls or ()):
        yield {"tool_calls": [{"index": position, **call}]}, None


def _pieces(text: str) -> Iterator[str]:
    words = _PIECE.findall(text)
    if not words:  # nothing but white space
        yield text
        return
    for start in range(0, len(words), _WORDS_PER_CHUNK):
        yield "".join(words[start : start + _WORDS_PER_CHUNK])


def _event(head: Mapping[str, Any], choices: list[dict[str, Any]]) -> bytes:
    return b"data: " + orjson.dumps({**head, "choices": choices}) + b"\n\n"
