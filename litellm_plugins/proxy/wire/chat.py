"""Chat completions: a stored answer as the stream a client asked for, in OpenAI's chunk shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from litellm_plugins.proxy.wire.sse import DONE, event, pieces


def stream(body: Mapping[str, Any], *, include_usage: bool = False) -> Iterator[bytes]:
    """The events of one answer, `[DONE]` included. Together their deltas are the answer, byte for byte."""
    head = {"id": body["id"], "object": "chat.completion.chunk", "created": body["created"], "model": body["model"]}
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
            for piece in pieces(content):
                yield {"content": piece}, None
    for position, call in enumerate(calls or ()):
        yield {"tool_calls": [{"index": position, **call}]}, None


def _event(head: Mapping[str, Any], choices: list[dict[str, Any]]) -> bytes:
    return event({**head, "choices": choices})
