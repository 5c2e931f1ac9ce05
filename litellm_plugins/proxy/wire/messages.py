"""Anthropic's messages: a stored message as a stream, and a message put together from one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from litellm_plugins.proxy.wire.sse import event, pieces

END = b"event: message_stop"
# What a block's deltas add to it: by the delta's type, its field and the block's.
_GROWS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
}
_ARGUMENTS = "partial_json"
_COUNTS_AT_THE_END = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")


def stream(body: Mapping[str, Any], *, include_usage: bool = False) -> Iterator[bytes]:
    """The events of one message. Its usage is always told, as this protocol does."""
    usage = body.get("usage") or {}
    begun = {**body, "content": [], "stop_reason": None, "stop_sequence": None}
    yield _said({"type": "message_start", "message": {**begun, "usage": {**usage, "output_tokens": 0}}})
    for index, block in enumerate(body["content"]):
        start, deltas = _grown(block)
        yield _said({"type": "content_block_start", "index": index, "content_block": start})
        for delta in deltas:
            yield _said({"type": "content_block_delta", "index": index, "delta": delta})
        yield _said({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": body.get("stop_reason"), "stop_sequence": body.get("stop_sequence")}
    told = {name: usage[name] for name in _COUNTS_AT_THE_END if name in usage}
    yield _said({"type": "message_delta", "delta": delta, "usage": told})
    yield _said({"type": "message_stop"})


def whole(events: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The message that a complete stream brought. None: it is not complete, or brought what we do not know."""
    message: dict[str, Any] | None = None
    blocks: dict[int, dict[str, Any]] = {}
    try:
        for each in events:
            kind = each.get("type")
            if kind == "message_start":
                message = dict(each["message"])
            elif kind == "content_block_start":
                blocks[each["index"]] = dict(each["content_block"])
            elif kind == "content_block_delta":
                _grow(blocks[each["index"]], each["delta"])
            elif kind == "message_delta" and message is not None:
                message.update({name: value for name, value in each["delta"].items() if value is not None})
                message["usage"] = {**(message.get("usage") or {}), **(each.get("usage") or {})}
            elif kind == "error":
                return None
            elif kind == "message_stop" and message is not None:
                return {**message, "content": [_finished(blocks[index]) for index in sorted(blocks)]}
    except (KeyError, TypeError, AttributeError, ValueError):
        return None
    return None


def _grown(block: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How a block begins in a stream, and what is added to it."""
    if block["type"] == "text":
        return {**block, "text": ""}, [{"type": "text_delta", "text": each} for each in pieces(block["text"])]
    if block["type"] == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": each} for each in pieces(block["thinking"])]
        if block.get("signature"):
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        return {**block, "thinking": "", "signature": ""}, deltas
    if block["type"] == "tool_use":
        arguments = orjson.dumps(block["input"]).decode()
        return {**block, "input": {}}, [{"type": "input_json_delta", _ARGUMENTS: arguments}]
    return dict(block), []


def _grow(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    if delta["type"] == "input_json_delta":
        block[_ARGUMENTS] = block.get(_ARGUMENTS, "") + delta["partial_json"]
        return
    field, into = _GROWS[delta["type"]]  # KeyError: a kind of delta that we do not know
    block[into] = (block.get(into) or "") + delta[field]


def _finished(block: dict[str, Any]) -> dict[str, Any]:
    arguments = block.pop(_ARGUMENTS, "")
    return {**block, "input": orjson.loads(arguments)} if arguments else block


def _said(data: Mapping[str, Any]) -> bytes:
    return event(data, str(data["type"]))
