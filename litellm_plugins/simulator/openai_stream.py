"""The server-sent events of a streamed chat completion."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from litellm_plugins.simulator.answers import Answer
from litellm_plugins.simulator.latency import Pace
from litellm_plugins.simulator.paced import Part
from litellm_plugins.simulator.tokens import Tokenizer

_TOKENS_PER_CHUNK = 3


def stream_parts(
    head: Mapping[str, Any],
    answers: Sequence[Answer],
    finishes: Sequence[str],
    pace: Pace,
    tokenizer: Tokenizer,
    usage: Mapping[str, Any] | None,
) -> list[Part]:
    """All events in the order in which they are due; several choices are spoken side by side.

    `usage` asks for the usage chunk, which then makes every other chunk say `"usage": null`.
    """
    no_usage = {} if usage is None else {"usage": None}

    def events(index: int) -> Iterator[Part]:
        for delta, finish, spoken, tokens in _deltas(answers[index], finishes[index], tokenizer):
            choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
            data = _event({**head, "choices": [choice], **no_usage})
            yield Part(data, pace.first_token_s + spoken * pace.token_s, tokens)

    parts = list(heapq.merge(*map(events, range(len(answers))), key=lambda part: part.due_s))
    if usage is not None:
        parts.append(Part(_event({**head, "choices": [], "usage": usage}), parts[-1].due_s))
    return [*parts, Part(b"data: [DONE]\n\n", parts[-1].due_s)]


def _deltas(
    answered: Answer, finish: str, tokenizer: Tokenizer
) -> Iterator[tuple[dict[str, Any], str | None, int, int]]:
    """Deltas with the finish reason, the tokens that have been spoken by then, and those in this one."""
    content = None if answered.tool_calls else ""
    yield {"role": "assistant", "content": content, "refusal": None}, None, 0, 0
    spoken = 0
    for delta, tokens in _spoken(answered, tokenizer):
        spoken += tokens
        yield delta, None, spoken, tokens
    yield {}, finish, answered.tokens, answered.tokens - spoken


def _spoken(answered: Answer, tokenizer: Tokenizer) -> Iterator[tuple[dict[str, Any], int]]:
    for text, tokens in _groups(answered.parts, tokenizer):
        yield {"content": text}, tokens
    for index, call in enumerate(answered.tool_calls):
        function = {"name": call.name, "arguments": ""}
        yield {"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]}, 0
        for text, tokens in _groups((call.arguments,), tokenizer):
            yield {"tool_calls": [{"index": index, "function": {"arguments": text}}]}, tokens


def _groups(texts: Sequence[str], tokenizer: Tokenizer) -> Iterator[tuple[str, int]]:
    """The texts a few tokens at a time."""
    pieces = [piece for text in texts for piece in tokenizer.split(text)]
    for start in range(0, len(pieces), _TOKENS_PER_CHUNK):
        group = pieces[start : start + _TOKENS_PER_CHUNK]
        yield "".join(group), len(group)


def _event(chunk: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"
