"""The server-sent events of a streamed response of OpenAI's Responses API."""

from collections.abc import Iterator
from typing import Any

from litellm_plugins.simulator.answers import Answer
from litellm_plugins.simulator.paced import Part, server_sent
from litellm_plugins.simulator.spoken import Spoken, in_groups, timed
from litellm_plugins.simulator.tokens import Tokenizer

Json = dict[str, Any]
Event = tuple[str, Json, int]  # its type, its other fields, and the tokens that it carries


def stream_parts(body: Json, answered: Answer, spoken: Spoken) -> list[Part]:
    """All events of the response that `body` is in the end."""
    events = (
        (server_sent({"type": name, "sequence_number": number, **fields}, name), tokens)
        for number, (name, fields, tokens) in enumerate(_events(body, answered, spoken.tokenizer))
    )
    return list(timed(events, spoken.pace))


def _events(body: Json, answered: Answer, tokenizer: Tokenizer) -> Iterator[Event]:
    begun = {**body, "status": "in_progress", "incomplete_details": None, "output": [], "usage": None}
    yield "response.created", {"response": begun}, 0
    yield "response.in_progress", {"response": begun}, 0
    told = 0
    for index, item in enumerate(body["output"]):
        tell = _call_events if item["type"] == "function_call" else _message_events
        texts = (item["arguments"],) if item["type"] == "function_call" else answered.parts
        for name, fields, tokens in tell(item, list(in_groups(texts, tokenizer))):
            told += tokens
            yield name, {"output_index": index, **fields}, tokens
    yield f"response.{body['status']}", {"response": body}, answered.tokens - told


def _message_events(item: Json, groups: list[tuple[str, int]]) -> Iterator[Event]:
    part = item["content"][0]
    place = {"item_id": item["id"], "content_index": 0}
    yield "response.output_item.added", {"item": {**item, "status": "in_progress", "content": []}}, 0
    yield "response.content_part.added", {**place, "part": {**part, "text": ""}}, 0
    for text, tokens in groups:
        yield "response.output_text.delta", {**place, "delta": text, "logprobs": []}, tokens
    yield "response.output_text.done", {**place, "text": part["text"], "logprobs": []}, 0
    yield "response.content_part.done", {**place, "part": part}, 0
    yield "response.output_item.done", {"item": item}, 0


def _call_events(item: Json, groups: list[tuple[str, int]]) -> Iterator[Event]:
    place = {"item_id": item["id"]}
    yield "response.output_item.added", {"item": {**item, "status": "in_progress", "arguments": ""}}, 0
    for text, tokens in groups:
        yield "response.function_call_arguments.delta", {**place, "delta": text}, tokens
    whole = {"name": item["name"], "arguments": item["arguments"]}
    yield "response.function_call_arguments.done", {**place, **whole}, 0
    yield "response.output_item.done", {"item": item}, 0
