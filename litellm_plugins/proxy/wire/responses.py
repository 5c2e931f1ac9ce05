"""OpenAI's responses: a stored response as a stream, and the response that a stream ended with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from litellm_plugins.proxy.wire.sse import DONE, event, pieces

END = b"response.completed"
_Event = tuple[str, dict[str, Any]]


def stream(body: Mapping[str, Any], *, include_usage: bool = False) -> Iterator[bytes]:
    """The events of one response, `[DONE]` included. Its usage is always told, as this protocol does."""
    done = _without_nulls(body)
    for number, (kind, fields) in enumerate(_events(done)):
        yield event({"type": kind, **fields, "sequence_number": number, "model": body["model"]})
    yield DONE


def whole(events: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The response that a complete stream told at its end. None: the stream is not complete."""
    last = next((each for each in events if each.get("type") == "response.completed"), None)
    response = last.get("response") if last else None
    return dict(response) if isinstance(response, Mapping) else None


def _events(body: dict[str, Any]) -> Iterator[_Event]:
    begun = {name: value for name, value in body.items() if name != "usage"} | {"status": "in_progress", "output": []}
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for index, item in enumerate(body["output"]):
        for kind, fields in _item_events(item):
            yield kind, {"output_index": index, **fields}
    yield "response.completed", {"response": body}


def _item_events(item: Mapping[str, Any]) -> Iterator[_Event]:
    place = {"item_id": item.get("id")}
    if item["type"] == "message":
        yield "response.output_item.added", {"item": {**item, "status": "in_progress", "content": []}}
        for index, part in enumerate(item["content"]):
            yield from _part_events({**place, "content_index": index}, part)
    elif item["type"] == "function_call":
        yield "response.output_item.added", {"item": {**item, "status": "in_progress", "arguments": ""}}
        whole_call = {"name": item["name"], "arguments": item["arguments"]}
        yield "response.function_call_arguments.delta", {**place, "delta": item["arguments"]}
        yield "response.function_call_arguments.done", {**place, **whole_call}
    elif item["type"] == "custom_tool_call":
        yield "response.output_item.added", {"item": {**item, "status": "in_progress", "input": ""}}
        yield "response.custom_tool_call_input.delta", {**place, "delta": item["input"]}
        yield "response.custom_tool_call_input.done", {**place, "input": item["input"]}
    else:
        yield "response.output_item.added", {"item": item}
    yield "response.output_item.done", {"item": item}


def _part_events(place: dict[str, Any], part: Mapping[str, Any]) -> Iterator[_Event]:
    yield "response.content_part.added", {**place, "part": {**part, "text": ""}}
    for piece in pieces(part["text"]):
        yield "response.output_text.delta", {**place, "delta": piece, "logprobs": []}
    yield "response.output_text.done", {**place, "text": part["text"], "logprobs": part.get("logprobs") or []}
    yield "response.content_part.done", {**place, "part": part}


def _without_nulls(body: Mapping[str, Any]) -> dict[str, Any]:
    """As the host streams a response: what is not set is left out, but for what a tool's schema says."""
    told = {name: value for name, value in body.items() if value is not None}
    told["output"] = [{n: v for n, v in item.items() if v is not None} for item in body["output"]]
    if isinstance(usage := body.get("usage"), Mapping):
        told["usage"] = {
            name: {n: v for n, v in value.items() if v is not None} if isinstance(value, Mapping) else value
            for name, value in usage.items()
            if value is not None
        }
    return told
