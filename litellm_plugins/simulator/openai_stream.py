"""The server-sent events of a streamed chat completion."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from litellm_plugins.simulator.answers import Answer
from litellm_plugins.simulator.paced import Part, server_sent
from litellm_plugins.simulator.spoken import Spoken, in_groups, timed
from litellm_plugins.simulator.tokens import Tokenizer

Delta = tuple[dict[str, Any], str | None, int]


def stream_parts(
    head: Mapping[str, Any], spoken: Spoken, finishes: Sequence[str], usage: Mapping[str, Any] | None
) -> list[Part]:
    """All events in the order in which they are due; see `side_by_side`."""
    choices = [
        [
            ({"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}, tokens)
            for delta, finish, tokens in _deltas(answered, finishes[index], spoken.tokenizer)
        ]
        for index, answered in enumerate(spoken.answers)
    ]
    return side_by_side(head, choices, spoken, usage)


def side_by_side(
    head: Mapping[str, Any],
    choices: Sequence[Sequence[tuple[Mapping[str, Any], int]]],
    spoken: Spoken,
    usage: Mapping[str, Any] | None,
) -> list[Part]:
    """The chunks of several choices, merged; `choices` holds each one's, with the tokens in it.

    `usage` asks for the usage chunk, which then makes every other chunk say `"usage": null`.
    """
    no_usage = {} if usage is None else {"usage": None}

    def parts_of(choice: Sequence[tuple[Mapping[str, Any], int]]) -> Iterator[Part]:
        events = ((server_sent({**head, "choices": [chunk], **no_usage}), tokens) for chunk, tokens in choice)
        return timed(events, spoken.pace)

    parts = list(heapq.merge(*map(parts_of, choices), key=lambda part: part.due_s))
    if usage is not None:
        parts.append(Part(server_sent({**head, "choices": [], "usage": usage}), parts[-1].due_s))
    return [*parts, Part(b"data: [DONE]\n\n", parts[-1].due_s)]


def _deltas(answered: Answer, finish: str, tokenizer: Tokenizer) -> Iterator[Delta]:
    """Deltas with the finish reason and the tokens in each."""
    content = None if answered.tool_calls else ""
    yield {"role": "assistant", "content": content, "refusal": None}, None, 0
    spoken = 0
    for delta, tokens in _spoken(answered, tokenizer):
        spoken += tokens
        yield delta, None, tokens
    yield {}, finish, answered.tokens - spoken


def _spoken(answered: Answer, tokenizer: Tokenizer) -> Iterator[tuple[dict[str, Any], int]]:
    for text, tokens in in_groups(answered.parts, tokenizer):
        yield {"content": text}, tokens
    for index, call in enumerate(answered.tool_calls):
        function = {"name": call.name, "arguments": ""}
        yield {"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]}, 0
        for text, tokens in in_groups((call.arguments,), tokenizer):
            yield {"tool_calls": [{"index": index, "function": {"arguments": text}}]}, tokens
