"""Streams on their way out of the front route, listened to for what they cost should they break off.

The host puts together what a broken chat stream brought, and prices it. Of other endpoints' streams, and where a
client leaves before the first word, it says nothing: then what went over the wire is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import litellm
import orjson

from litellm_plugins.proxy.provider_chunks import chunks_of, is_finished

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import StreamingResponse

End = Literal["whole", "left", "broke", "unknown"]
_DATA = b"data:"
_SAID_IN = ("text", "partial_json", "thinking", "content", "reasoning_content", "arguments")
_DONE = b"data: [DONE]"  # of those whose events have no type
_ENDS = frozenset({"message_stop", "response.completed", "response.incomplete", "response.failed"})
_HOST_IS_DONE_S = 3.0  # after the end of a stream: by then the host has logged it, if it will


@dataclass(slots=True)
class Heard:
    """What went by so far."""

    raw: list[bytes] = field(default_factory=list)
    chunks: list[Any] | None = None  # as the provider sent them, where the host translates
    streams: bool = False
    is_listened_to: bool = False
    left: bool = False  # by its client

    async def end(self) -> End:
        """How it ended, once it has."""
        if self.chunks is not None:
            whole = is_finished(self.chunks)
        else:
            whole = await asyncio.to_thread(_says_its_end, b"".join(self.raw))
        if whole:
            return "whole"
        return "left" if self.left else "broke" if self.is_listened_to else "unknown"

    async def tokens(self, model: str) -> tuple[int | None, int]:
        """Of the prompt, where the stream says so, and of the answer: counted."""
        return await asyncio.to_thread(_counted, b"".join(self.raw), model)


def overhear(response: StreamingResponse, stream: Any, heard: Heard, ended: Callable[[], None]) -> None:
    """Listen to `response`, which is made of the host's `stream`.

    `ended` is called when it is over, whoever ended it, and the host has had its say.
    """
    heard.is_listened_to = True
    if heard.chunks is None and stream is not None:
        heard.chunks = chunks_of(stream)
    response.body_iterator = _overheard(response.body_iterator, heard, ended)


async def _overheard(chunks: Any, heard: Heard, ended: Callable[[], None]) -> AsyncIterator[Any]:
    try:
        async for chunk in chunks:
            heard.raw.append(chunk.encode() if isinstance(chunk, str) else bytes(chunk))
            yield chunk
    except (asyncio.CancelledError, GeneratorExit):
        heard.left = True  # before the host, which is told next, says that it is over
        raise
    finally:
        asyncio.get_running_loop().call_later(_HOST_IS_DONE_S, ended)
        with contextlib.suppress(AttributeError):
            await chunks.aclose()


def _counted(raw: bytes, model: str) -> tuple[int | None, int]:
    asked, words = None, []
    for event in _events(raw):
        usage = _mapping(_mapping(event.get("message")).get("usage"))
        asked = usage.get("input_tokens", asked)
        words += list(_words(event))
    text = "".join(words)
    return asked, litellm.token_counter(model=model, text=text) if text else 0


def _events(raw: bytes) -> Iterator[Mapping[str, Any]]:
    for line in raw.splitlines():
        if line.startswith(_DATA):
            with contextlib.suppress(orjson.JSONDecodeError):  # half an event, or the end
                event = orjson.loads(line.removeprefix(_DATA))
                if isinstance(event, Mapping):
                    yield event


def _says_its_end(raw: bytes) -> bool:
    """Of streams that are passed on as their provider sends them."""
    kinds = {event.get("type") for event in _events(raw)}
    return bool(kinds & _ENDS) or (kinds <= {None} and raw.rstrip().endswith(_DONE))


def _words(event: Mapping[str, Any]) -> Iterator[str]:
    """What is said in a stream's event, of any endpoint."""
    delta = event.get("delta")
    if isinstance(delta, str):
        yield delta
    said: list[Any] = [delta]
    for choice in event.get("choices") or ():
        said += [choice, _mapping(choice).get("delta")]
    for each in said:
        for name in _SAID_IN:
            if isinstance(word := _mapping(each).get(name), str):
                yield word


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
