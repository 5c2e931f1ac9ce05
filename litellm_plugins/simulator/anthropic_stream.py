"""The server-sent events of a streamed message of Anthropic's Messages API."""

from collections.abc import Iterator
from typing import Any

from litellm_plugins.simulator.answers import Answer
from litellm_plugins.simulator.paced import Part, server_sent
from litellm_plugins.simulator.spoken import Spoken, in_groups, timed
from litellm_plugins.simulator.tokens import Tokenizer

Json = dict[str, Any]
Event = tuple[Json, int]  # with the tokens that it carries

_USAGE_AT_THE_END = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")


def stream_parts(message: Json, answered: Answer, spoken: Spoken) -> list[Part]:
    """All events of what `message` is in the end."""
    events = ((server_sent(event, event["type"]), tokens) for event, tokens in _events(message, answered, spoken))
    return list(timed(events, spoken.pace))


def _events(message: Json, answered: Answer, spoken: Spoken) -> Iterator[Event]:
    usage = message["usage"]
    begun: Json = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}}
    yield {"type": "message_start", "message": {**message, **begun}}, 0
    if not message["content"]:
        yield {"type": "ping"}, 0
    told = 0
    for index, block in enumerate(message["content"]):
        yield {"type": "content_block_start", "index": index, "content_block": _begun(block)}, 0
        if index == 0:
            yield {"type": "ping"}, 0
        for delta, tokens in _deltas(answered, index, spoken.tokenizer):
            told += tokens
            yield {"type": "content_block_delta", "index": index, "delta": delta}, tokens
        yield {"type": "content_block_stop", "index": index}, 0
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
    used = {name: usage[name] for name in _USAGE_AT_THE_END}
    yield {"type": "message_delta", "delta": delta, "usage": used}, answered.tokens - told
    yield {"type": "message_stop"}, 0


def _begun(block: Json) -> Json:
    return {**block, "text": ""} if block["type"] == "text" else {**block, "input": {}}


def _deltas(answered: Answer, index: int, tokenizer: Tokenizer) -> Iterator[Event]:
    if not answered.tool_calls:
        for text, tokens in in_groups(answered.parts, tokenizer):
            yield {"type": "text_delta", "text": text}, tokens
        return
    yield {"type": "input_json_delta", "partial_json": ""}, 0
    for text, tokens in in_groups((answered.tool_calls[index].arguments,), tokenizer):
        yield {"type": "input_json_delta", "partial_json": text}, tokens
