"""What a provider really sent of a stream that the host translates.

Where a provider's stream just stops, the host makes up an end for it, and nothing on the wire tells. The chunks that it
keeps do: none of them says that the answer is finished.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from types import AsyncGeneratorType
from typing import Any

import litellm

# By which names the host's translators hold what they translate.
_HOLD = ("inner", "_billing_source", "_anthropic_wrapper", "completion_stream", "litellm_custom_stream_wrapper")
_DEEPEST = 6


def chunks_of(stream: Any) -> list[Any] | None:
    """The list that the host fills as the stream goes by; None where the provider's own events are passed on.

    To be asked for when the stream has begun and has not ended.
    """
    for _ in range(_DEEPEST):
        if isinstance(stream, litellm.CustomStreamWrapper):
            chunks = getattr(stream, "chunks", None)
            return chunks if isinstance(chunks, list) else None
        held = _held_by_generator(stream) if inspect.isasyncgen(stream) else (getattr(stream, n, None) for n in _HOLD)
        stream = next((each for each in held if each is not None), None)
        if stream is None:
            return None
    return None


async def hang_up(stream: Any) -> None:
    """Close the provider's connection under `stream`, which nobody reads any more; at once, the innermost first.

    The host's own close comes to it late, after it has billed what came, or not at all: what it passes responses and
    legacy completions on with cannot be closed.
    """
    links: list[Any] = []
    while stream is not None and len(links) < 2 * _DEEPEST:
        links.append(stream)
        names = (*_HOLD, "_source_iterator", "_wrapper", "responses_stream")
        held = _held_by_generator(stream) if inspect.isasyncgen(stream) else (getattr(stream, n, None) for n in names)
        stream = next((each for each in held if each is not None), None)
    for link in reversed(links):
        for each in (getattr(link, "response", None), link):
            with contextlib.suppress(Exception):  # it has no such thing, or is closed
                await each.aclose()  # type: ignore[union-attr]


def _held_by_generator(stream: AsyncGeneratorType[Any, Any]) -> Iterator[Any]:
    """Legacy completions come through generators over the stream that they were called with, or have made."""
    names = stream.ag_frame.f_locals if stream.ag_frame else {}
    return (names.get(name) for name in ("streamwrapper", "response"))


def told_again(stream: Any) -> Any:
    """The whole message that the host makes a stream of, where it has it already; else None."""
    for _ in range(_DEEPEST):
        if stream is None or (whole := getattr(stream, "response", None)) is not None:
            return None if stream is None else whole
        stream = getattr(stream, "_source_iterator", None)
    return None


def carried_on(stream: Any) -> Any:
    """What the host makes one chat stream of several with, where it carries out tools between them; else None.

    Its `stream_wrapper` is the first of them, and its `follow_up_stream` the second, once there is one.
    """
    for _ in range(_DEEPEST):
        made = getattr(stream, "_custom_iterator", None)
        if made is not None and hasattr(made, "follow_up_stream") and hasattr(made, "stream_wrapper"):
            return made
        source = getattr(stream, "completion_stream", None)
        if not inspect.isasyncgen(source) or source.ag_frame is None:
            return None
        stream = source.ag_frame.f_locals.get("model_response")
    return None


async def first_of(made: Any) -> list[Any]:
    """All chunks of the first stream of `carried_on`, of which the host has left the last, its usage, unread so far."""
    with contextlib.suppress(Exception):  # the host reads it to its end later, and looks away, too
        await made._drain_inner_stream()
    return list(getattr(made.stream_wrapper, "chunks", None) or ())


def is_finished(chunks: list[Any]) -> bool:
    """Whether the provider said so."""
    return any(map(_finishes, chunks))


def usage_in(chunks: list[Any]) -> tuple[int, int] | None:
    """Tokens of the prompt and of the answer, where a provider told them."""
    told = next((usage for chunk in reversed(chunks) if (usage := getattr(chunk, "usage", None))), None)
    asked, answered = (getattr(told, name, None) for name in ("prompt_tokens", "completion_tokens"))
    return (asked, answered) if isinstance(asked, int) and isinstance(answered, int) and asked else None


def _finishes(chunk: Any) -> bool:
    return any(getattr(choice, "finish_reason", None) for choice in getattr(chunk, "choices", None) or ())
