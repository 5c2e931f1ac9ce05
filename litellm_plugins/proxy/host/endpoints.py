"""The host's endpoints that the front route answers: their paths, and how their answers look inside the host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import litellm
from fastapi.encoders import jsonable_encoder
from litellm.types.llms.openai import ResponseCompletedEvent, ResponsesAPIResponse, ResponsesAPIStreamEvents

from litellm_plugins.model import Usage
from litellm_plugins.proxy.wire import chat, completions, messages, responses

if TYPE_CHECKING:
    from litellm.types.utils import CallTypesLiteral

Body = dict[str, Any]


class Stream(Protocol):
    """Tells a whole answer as its endpoint's events."""

    def __call__(self, body: Mapping[str, Any], *, include_usage: bool = False) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of them. A `body` is an answer as a client gets it, not streamed."""

    name: str  # as keys, events and metrics say it
    route_type: CallTypesLiteral  # as the host's hooks say it
    paths: tuple[str, ...]
    asked_in: str  # the field of the request that holds the conversation
    typed: Callable[[Body], Any]  # a body as the host's own hooks and loggers take it
    stream: Stream | None = None  # None: it does not stream
    # Only where fresh answers are read off the wire:
    end: bytes = b""  # what stands in a stream's last chunk, though perhaps not only there
    whole: Callable[[Iterable[Mapping[str, Any]]], Body | None] = lambda _: None
    usage: Callable[[Body], litellm.Usage] = lambda _: litellm.Usage()
    logged: Callable[[Body], Any] | None = None  # what the host logs of a stream, if not what it is typed as


def _message_usage(body: Body) -> litellm.Usage:
    return litellm.AnthropicConfig().calculate_usage(usage_object=body.get("usage") or {}, reasoning_content=None)


def _response_usage(body: Body) -> litellm.Usage:
    usage = body.get("usage") or {}
    asked, answered = usage.get("input_tokens") or 0, usage.get("output_tokens") or 0
    return litellm.Usage(
        prompt_tokens=asked,
        completion_tokens=answered,
        total_tokens=asked + answered,
        prompt_tokens_details=usage.get("input_tokens_details"),
        completion_tokens_details=usage.get("output_tokens_details"),
    )


def _plain_usage(body: Body) -> litellm.Usage:
    return litellm.Usage(**(body.get("usage") or {}))


def _completed(body: Body) -> Any:
    return ResponseCompletedEvent(
        type=ResponsesAPIStreamEvents.RESPONSE_COMPLETED, response=ResponsesAPIResponse(**body)
    )


def _last_response(events: Iterable[Mapping[str, Any]]) -> Body | None:
    """With all that a response has when it is not streamed: the host leaves out of a stream what is not set."""
    told = responses.whole(events)
    return None if told is None else jsonable_encoder(ResponsesAPIResponse(**told))


CHAT = Endpoint(
    name="chat",
    route_type="acompletion",
    paths=("/v1/chat/completions", "/chat/completions"),
    asked_in="messages",
    typed=lambda body: litellm.ModelResponse(**body),
    stream=chat.stream,
)
MESSAGES = Endpoint(
    name="messages",
    route_type="anthropic_messages",
    paths=("/v1/messages",),
    asked_in="messages",
    typed=dict,
    stream=messages.stream,
    end=messages.END,
    whole=messages.whole,
    usage=_message_usage,
)
RESPONSES = Endpoint(
    name="responses",
    route_type="aresponses",
    paths=("/v1/responses", "/responses", "/openai/v1/responses"),
    asked_in="input",
    typed=lambda body: ResponsesAPIResponse(**body),
    stream=responses.stream,
    end=responses.END,
    whole=_last_response,
    usage=_response_usage,
    logged=_completed,
)
COMPLETIONS = Endpoint(
    name="completions",
    route_type="atext_completion",
    paths=("/v1/completions", "/completions"),
    asked_in="prompt",
    typed=lambda body: litellm.TextCompletionResponse(**body),
    stream=completions.stream,
    end=completions.END,
    whole=completions.whole,
    usage=_plain_usage,
)
EMBEDDINGS = Endpoint(
    name="embeddings",
    route_type="aembedding",
    paths=("/v1/embeddings", "/embeddings"),
    asked_in="input",
    typed=lambda body: litellm.EmbeddingResponse(**body),
    usage=_plain_usage,
)
ALL = (CHAT, MESSAGES, RESPONSES, COMPLETIONS, EMBEDDINGS)


def tokens_of(usage: litellm.Usage) -> Usage:
    """As entries keep them."""
    return Usage(int(usage.prompt_tokens or 0), int(usage.completion_tokens or 0))
