"""Legacy completions in OpenAI's wire protocol.

A prompt gets the same words as a chat whose only message it is. Unlike OpenAI's, an answer is not cut after
16 tokens where `max_tokens` is not given.
"""

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from litellm_plugins.simulator.answers import Answer, Prompt
from litellm_plugins.simulator.openai_chat import fingerprint_of, openai_usage, request_id
from litellm_plugins.simulator.openai_request import parse_chat, whole_number_of
from litellm_plugins.simulator.openai_stream import side_by_side
from litellm_plugins.simulator.paced import event_stream, json_reply
from litellm_plugins.simulator.spoken import Spoken, in_groups, speak
from litellm_plugins.simulator.tokens import Tokenizer
from litellm_plugins.simulator.wire import Call, RequestError

_MAX_PROMPTS = 128
# What a chat request says in the same words and means the same by.
_AS_IN_CHAT = (
    "model", "max_tokens", "stop", "n", "stream", "stream_options",
    "temperature", "top_p", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "suffix",
)  # fmt: skip

Given = str | list[int]
Choice = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Request:
    """A completion request that has been found valid; each prompt gets `choices` answers."""

    given: list[Given]
    prompts: list[Prompt]
    choices: int
    echo: bool
    stream: bool
    include_usage: bool

    @property
    def model(self) -> str:
        return self.prompts[0].model

    def echoed(self, index: int) -> str:
        """What stands before the index-th answer."""
        return self.prompts[index // self.choices].question if self.echo else ""


def completions(call: Call) -> Response:
    """`POST /v1/completions`."""
    request = _parsed(call.body)
    spoken = speak(call, request.prompts, request.choices)
    asked = sum(spoken.tokenizer.count(each) if isinstance(each, str) else len(each) for each in request.given)
    call.record.asks(request.model, asked)
    usage = openai_usage(asked, spoken.tokens)
    head = {
        "id": f"cmpl-{secrets.token_hex(15)}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": request.model,
        "system_fingerprint": fingerprint_of(request.model),
    }
    ending = spoken.fault.ending
    if request.stream:
        parts = side_by_side(head, _chunks(request, spoken), spoken, usage if request.include_usage else None)
        return event_stream(parts, call.record, headers=request_id(), ending=ending)
    choices = [
        _choice(index, request.echoed(index) + each.text, each.finish) for index, each in enumerate(spoken.answers)
    ]
    body = {**head, "choices": choices, "usage": usage}
    return json_reply(body, call.record, due_s=spoken.due_s, tokens=spoken.tokens, headers=request_id(), ending=ending)


def _parsed(body: dict[str, Any]) -> _Request:
    chat = {name: body[name] for name in _AS_IN_CHAT if name in body}
    given = _prompts_of(body)
    chats = [parse_chat({**chat, "messages": [{"role": "user", "content": _words_of(each)}]}) for each in given]
    first = chats[0]
    best_of = whole_number_of(body, "best_of", _MAX_PROMPTS)
    if best_of is not None and (best_of < first.choices or first.stream):
        raise RequestError(400, "'best_of' must be at least 'n', and cannot be streamed", param="best_of")
    prompts = [each.prompt for each in chats]
    return _Request(given, prompts, first.choices, body.get("echo") is True, first.stream, first.include_usage)


def _prompts_of(body: dict[str, Any]) -> list[Given]:
    """One text, several, one row of token numbers, or several."""
    given = body.get("prompt")
    if given is None:
        message = "Missing required parameter: 'prompt'."
        raise RequestError(400, message, param="prompt", code="missing_required_parameter")
    prompts = [given] if isinstance(given, str) or _is_tokens(given) else given
    if not isinstance(prompts, list) or not 1 <= len(prompts) <= _MAX_PROMPTS:
        raise RequestError(400, f"'prompt' must be a text or up to {_MAX_PROMPTS} of them", param="prompt")
    if not all(isinstance(each, str) or _is_tokens(each) for each in prompts):
        raise RequestError(400, "'prompt' must be made of texts or of rows of token numbers", param="prompt")
    return prompts


def _is_tokens(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(type(token) is int for token in value)


def _words_of(given: Given) -> str:
    return given if isinstance(given, str) else " ".join(map(str, given))


def _choice(index: int, text: str, finish: str | None) -> Choice:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish}


def _chunks(request: _Request, spoken: Spoken) -> Sequence[Sequence[tuple[Choice, int]]]:
    return [
        list(_chunks_of(index, request.echoed(index), each, spoken.tokenizer))
        for index, each in enumerate(spoken.answers)
    ]


def _chunks_of(index: int, echoed: str, answered: Answer, tokenizer: Tokenizer) -> Iterator[tuple[Choice, int]]:
    if echoed:
        yield _choice(index, echoed, None), 0
    for text, tokens in in_groups(answered.parts, tokenizer):
        yield _choice(index, text, None), tokens
    yield _choice(index, "", answered.finish), 0
