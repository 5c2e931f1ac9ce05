"""What a stream has said so far, as far as it costs: its words, its usage where it told one, and whether it ended.

Events are read as they go by and forgotten; of an answer only its words are kept, until a usage tells how many.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import orjson

from litellm_plugins.proxy.budgets.unread import unread
from litellm_plugins.proxy.host.provider_chunks import is_finished, usage_in
from litellm_plugins.proxy.host.token_counts import counted

if TYPE_CHECKING:
    import aiohttp

End = Literal["whole", "stopped", "left", "broke", "unknown"]
_DATA = b"data:"
_DONE = b"[DONE]"  # of those whose events have no type
_ENDS = frozenset({"message_stop", "response.completed", "response.incomplete", "response.failed"})
_SAID_IN = ("text", "partial_json", "thinking", "content", "reasoning_content", "refusal", "arguments", "name")
_CALLS = ("function", "function_call", "audio")
_SOUND = "response.audio.delta"
_LETTERS_PER_SOUND_TOKEN = 3_200  # 50 ms, as 16 bits of 24,000 a second, in base64
_ASKED = ("prompt_tokens", "input_tokens")
_ASKED_BESIDE = ("cache_creation_input_tokens", "cache_read_input_tokens")  # Anthropic counts them apart
_ANSWERED = ("completion_tokens", "output_tokens")


@dataclass(slots=True)
class Heard:
    """Of one stream, so far."""

    chunks: list[Any] | None = None  # as the provider sent them, where the host translates
    streams: bool = False
    is_listened_to: bool = False
    left: bool = False  # by its client, and by us
    stopped: bool = False  # by us, who read no more of it: early
    counting: asyncio.Future[tuple[int, int]] | None = None  # then, tokens of the prompt and of the answer
    told_at_start: bool = False  # of one that is stopped: its provider has said what its prompt counts, and is cached
    is_over: bool = False
    when_over: Callable[[], None] | None = None  # called as soon as it is
    asked: int | None = None  # as the provider counted
    answered: int | None = None
    broken: set[aiohttp.StreamReader] = field(default_factory=set)  # connections of which the rest was heard
    earlier: list[Heard] = field(default_factory=list)  # tries that broke, and were begun anew before their first word
    _words: list[str] = field(default_factory=list)  # since the answer was counted last
    _sound: int = 0  # letters of base64
    _rest: bytes = b""
    _typed: bool = False
    _ended: bool = False
    _last: bytes = b""

    def hear(self, chunk: str | bytes) -> None:
        """What goes by next; events may be cut in two."""
        raw = self._rest + (chunk.encode() if isinstance(chunk, str) else bytes(chunk))
        *lines, self._rest = raw.split(b"\n")
        for line in lines:
            self._line(line)

    def hear_broken(self, fault: BaseException | None) -> None:
        """Its connection broke: what had come and nobody had read, of that and of earlier tries."""
        last, *before = unread(fault, self.broken) or [b""]
        self.hear(b"\n" + last)
        self._begun_anew(before)

    def tried_again(self, fault: BaseException | None) -> None:
        """It broke before its first word, and the host begins it anew."""
        self._begun_anew(unread(fault, self.broken))

    def _begun_anew(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            heard = Heard()
            heard.hear(piece)
            self.earlier.append(heard)

    @property
    def end(self) -> End:
        """How it ended, once it has."""
        if self.stopped:
            return "stopped"
        if self.chunks is not None:
            whole = is_finished(self.chunks)
        else:
            self._finish()
            whole = self._ended or (not self._typed and self._last == _DONE)
        if whole:
            return "whole"
        return "left" if self.left else "broke" if self.is_listened_to else "unknown"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is to be expected. Unlike `end` it may be asked while the stream is going on."""
        if self.is_over or self.left or not self.is_listened_to:
            return True
        if self.chunks is not None:
            return is_finished(self.chunks)
        return self._ended or (not self._typed and self._last == _DONE)

    @property
    def is_silent(self) -> bool:
        """Whether nothing of an answer has come, not even what its prompt counts."""
        return not (self.chunks or self._words or self._sound or self.answered) and self.asked is None

    async def tokens(self, model: str) -> tuple[int | None, int]:
        """Of the prompt, where the stream says so, and of the answer: told, or else counted.

        Of an earlier try that had begun to answer the prompt was read as well.
        """
        asked, answered = await self._tokens(model)
        again, more = await self.tokens_before(model, asked or 0)
        return None if asked is None else asked + again, answered + more

    async def tokens_before(self, model: str, asked: int) -> tuple[int, int]:
        """Of earlier tries: of their prompts, each of so many tokens where it does not say, and of their answers."""
        told = [await each._tokens(model) for each in self.earlier]
        billed = [(again or asked, more) for again, more in told if more]
        return sum(again for again, _ in billed), sum(more for _, more in billed)

    async def _tokens(self, model: str) -> tuple[int | None, int]:
        if self.counting is not None:
            return await asyncio.shield(self.counting)
        self._finish()
        if self.chunks and (told := usage_in(self.chunks)) is not None:
            return told
        text, before = "".join(self._words), self.answered
        more = await asyncio.to_thread(counted, text, model)
        if self.answered != before:  # while these were counted, its usage came
            more = 0
        return self.asked, (self.answered or 0) + more - (-self._sound // _LETTERS_PER_SOUND_TOKEN)

    def _finish(self) -> None:
        line, self._rest = self._rest, b""
        self._line(line)

    def _line(self, line: bytes) -> None:
        if not line.startswith(_DATA):
            return
        self._last = line.removeprefix(_DATA).strip()
        with contextlib.suppress(orjson.JSONDecodeError):  # half an event, or the end
            event = orjson.loads(self._last)
            if isinstance(event, Mapping):
                self._event(event)

    def _event(self, event: Mapping[str, Any]) -> None:
        kind = event.get("type")
        self._typed = self._typed or kind is not None
        self._ended = self._ended or kind in _ENDS
        if kind == _SOUND:
            self._sound += len(str(event.get("delta")))
        else:
            self._words += _words(event)
        for choice in event.get("choices") or ():
            heard = _mapping(_mapping(_mapping(choice).get("delta")).get("audio")).get("data")
            self._sound += len(heard) if isinstance(heard, str) else 0
        begun = _mapping(_mapping(event.get("message")).get("usage"))  # its answer is yet to come
        told = _mapping(_mapping(event.get("response")).get("usage")) or _mapping(event.get("usage"))
        asked = _asked(told) or _asked(begun)
        self.asked = asked if asked is not None else self.asked
        answered = next((n for name in _ANSWERED if (n := _whole(told.get(name)))), None)
        if answered is not None:
            self.answered, self._sound = answered, 0
            self._words.clear()


def _words(event: Mapping[str, Any]) -> Iterator[str]:
    """What is said in a stream's event, of any endpoint."""
    delta = event.get("delta")
    if isinstance(delta, str):
        yield delta
    said: list[Any] = [delta, event.get("content_block"), _called(event.get("item"))]
    for choice in event.get("choices") or ():
        told = _mapping(_mapping(choice).get("delta"))
        said += [choice, told, *(told.get(name) for name in _CALLS)]
        said += [_mapping(call).get("function") for call in told.get("tool_calls") or ()]
        yield from _transcript(told)
    for each in said:
        for name in _SAID_IN:
            if isinstance(word := _mapping(each).get(name), str):
                yield word


def _called(item: Any) -> Any:
    """Of a function that is about to be called, its name; a message is told word by word, and then once more."""
    item = _mapping(item)
    return {"name": item.get("name")} if not item.get("arguments") else None


def _transcript(delta: Mapping[str, Any]) -> Iterator[str]:
    word = _mapping(delta.get("audio")).get("transcript")
    if isinstance(word, str):
        yield word


def _asked(usage: Mapping[str, Any]) -> int | None:
    """All of the prompt; None: it does not say."""
    told = next((n for name in _ASKED if (n := _whole(usage.get(name)))), None)
    return None if told is None else told + sum(_whole(usage.get(name)) for name in _ASKED_BESIDE)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
