"""A stream on its way to the client, read for what it says, and ended before its provider ends it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from litellm_plugins.proxy.wire.sse import DONE, event

Channel = Literal["text", "reasoning", "tool"]
OURS = "litellm_plugins"  # the field of the last event that says why
_HEAD = ("id", "object", "created", "model", "system_fingerprint", "provider")  # of every chunk
# Of messages: a delta's type to the field with its words.
_DELTAS: Mapping[str, tuple[str, Channel]] = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "reasoning"),
    "input_json_delta": ("partial_json", "tool"),
}
_REASONS = {"stop": "end_turn", "length": "max_tokens"}
# Of responses: the events that bring words.
_TEXTS: Mapping[str, Channel] = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "text",
    "response.reasoning_summary_text.delta": "reasoning",
    "response.reasoning_text.delta": "reasoning",
    "response.function_call_arguments.delta": "tool",
    "response.custom_tool_call_input.delta": "tool",
    "response.mcp_call_arguments.delta": "tool",
}
_WORDLESS = ("message", "reasoning")
_ENDS = ("response.completed", "response.incomplete", "response.failed", "error")
_TEXT_IN = {"output_text": "text", "refusal": "refusal"}


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of an event: `holder[field]` is where they stand in it."""

    channel: Channel
    holder: dict[str, Any]
    field: str

    @property
    def text(self) -> str:
        """The words."""
        return str(self.holder[self.field])


@dataclass(frozen=True, slots=True)
class Ending:
    """How a stream is to end: `finish` is "stop" or "length", `usage` the tokens of prompt and answer."""

    rule: str
    finish: str
    usage: tuple[int, int]


class Teller(Protocol):
    """Knows one endpoint's events. One for each stream."""

    is_over: bool  # its provider has ended it, or it cannot be ended by us
    asked: int | None  # tokens of the prompt, where an event told them

    def pieces(self, told: dict[str, Any]) -> list[Piece]:
        """What an event says; the teller remembers what it needs for the end."""

    def went_out(self, told: Mapping[str, Any]) -> None:
        """The event was sent on, as it stands now."""

    def end(self, ending: Ending) -> Iterator[bytes]:
        """The events that end the stream now."""


def _comment(rule: str) -> bytes:
    return b": litellm_plugins early_stop=" + rule.encode() + b"\n\n"


def _why(ending: Ending) -> dict[str, Any]:
    return {OURS: {"early_stop": ending.rule}}


class ChatTeller:
    """Chat completions, and the legacy ones: chunks with choices."""

    def __init__(self, *, include_usage: bool = False, legacy: bool = False) -> None:
        self.is_over = False
        self.asked: int | None = None
        self._include_usage, self._legacy = include_usage, legacy
        self._head: dict[str, Any] = {}

    def pieces(self, told: dict[str, Any]) -> list[Piece]:
        choices = [each for each in told.get("choices") or () if isinstance(each, dict)]
        if any(choice.get("index") for choice in choices) or "error" in told:
            self.is_over = True  # several answers in one stream are left alone
            return []
        self._head = self._head or {name: told[name] for name in _HEAD if name in told}
        found: list[Piece] = []
        for choice in choices:
            found += _in_choice(choice)
            self.is_over = self.is_over or choice.get("finish_reason") is not None
        return found

    def went_out(self, told: Mapping[str, Any]) -> None:
        """Nothing needs to be kept."""

    def end(self, ending: Ending) -> Iterator[bytes]:
        choice: dict[str, Any] = {"index": 0, "finish_reason": ending.finish}
        of_none: dict[str, Any] = {"text": "", "logprobs": None} if self._legacy else {"delta": {}}
        yield event({**self._head, "choices": [{**choice, **of_none}], **_why(ending)})
        if self._include_usage:
            asked, answered = ending.usage
            usage = {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
            yield event({**self._head, "choices": [], "usage": usage})
        yield _comment(ending.rule)
        yield DONE


def _in_choice(choice: dict[str, Any]) -> Iterator[Piece]:
    delta = choice.get("delta")
    delta = delta if isinstance(delta, dict) else {}
    yield from _words(choice, "text", "text")
    yield from _words(delta, "content", "text")
    yield from _words(delta, "refusal", "text")
    yield from _words(delta, "reasoning_content", "reasoning")
    calls = [delta.get("function_call")]
    calls += [call.get("function") for call in delta.get("tool_calls") or () if isinstance(call, dict)]
    for call in calls:
        if isinstance(call, dict):
            yield from _words(call, "name", "tool")
            yield from _words(call, "arguments", "tool")


def _words(holder: dict[str, Any], field: str, channel: Channel) -> Iterator[Piece]:
    if isinstance(holder.get(field), str) and holder[field]:
        yield Piece(channel, holder, field)


class MessagesTeller:
    """Anthropic's messages."""

    def __init__(self) -> None:
        self.is_over = False
        self.asked: int | None = None
        self._open: int | None = None
        self._usage: dict[str, Any] = {}

    def pieces(self, told: dict[str, Any]) -> list[Piece]:
        kind = told.get("type")
        if kind == "message_start" and isinstance(told.get("message"), dict):
            self._begin(told["message"].get("usage"))
        elif kind == "content_block_start" and isinstance(block := told.get("content_block"), dict):
            self._open = told.get("index")
            if block.get("type") not in ("text", "thinking", "redacted_thinking"):
                return list(_words(block, "name", "tool"))
        elif kind == "content_block_delta" and isinstance(delta := told.get("delta"), dict):
            field, channel = _DELTAS.get(str(delta.get("type")), ("", "text"))
            return list(_words(delta, field, channel))
        elif kind == "content_block_stop":
            self._open = None
        elif kind in ("message_delta", "message_stop", "error"):
            self.is_over = True
        return []

    def went_out(self, told: Mapping[str, Any]) -> None:
        """Nothing needs to be kept."""

    def end(self, ending: Ending) -> Iterator[bytes]:
        if self._open is not None:
            yield _named({"type": "content_block_stop", "index": self._open})
        usage = {"input_tokens": ending.usage[0], **self._usage, "output_tokens": ending.usage[1]}
        delta = {"stop_reason": _REASONS[ending.finish], "stop_sequence": None}
        yield _named({"type": "message_delta", "delta": delta, "usage": usage, **_why(ending)})
        yield _comment(ending.rule)
        yield _named({"type": "message_stop"})

    def _begin(self, usage: Any) -> None:
        """The counts of the prompt, where they are told: a provider that is translated tells them at the end."""
        if isinstance(usage, dict) and usage.get("input_tokens"):
            names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
            self._usage = {name: usage[name] for name in names if isinstance(usage.get(name), int)}
            self.asked = sum(self._usage.values())


class ResponsesTeller:
    """OpenAI's responses: what has begun is ended from the inside out, and the whole is told once more."""

    def __init__(self) -> None:
        self.is_over = False
        self.asked: int | None = None
        self._response: dict[str, Any] = {}
        self._done: dict[int, Any] = {}  # items, by their place
        self._item: tuple[int, dict[str, Any]] | None = None  # that has begun
        self._part: tuple[int, dict[str, Any]] | None = None  # of it
        self._parts: list[Any] = []
        self._said: list[str] = []  # of the part, or of the call
        self._number = -1

    def pieces(self, told: dict[str, Any]) -> list[Piece]:
        kind = str(told.get("type"))
        self.is_over = self.is_over or kind in _ENDS
        if kind in _TEXTS:
            return list(_words(told, "delta", _TEXTS[kind]))
        item = told.get("item")
        if kind == "response.output_item.added" and isinstance(item, dict) and item.get("type") not in _WORDLESS:
            return [*_words(item, "name", "tool")] or [*_words(item, "type", "tool")]
        return []

    def went_out(self, told: Mapping[str, Any]) -> None:
        kind, number = told.get("type"), told.get("sequence_number")
        self._number = max(self._number, number) if isinstance(number, int) else self._number
        place, item, part = told.get("output_index"), told.get("item"), told.get("part")
        if kind in _TEXTS:
            self._said.append(str(told.get("delta") or ""))
        elif kind in ("response.created", "response.in_progress") and isinstance(told.get("response"), dict):
            self._response = dict(told["response"])
        elif kind == "response.output_item.added" and isinstance(item, dict) and isinstance(place, int):
            self._item, self._part, self._parts, self._said = (place, item), None, [], []
        elif kind == "response.output_item.done" and isinstance(place, int):
            self._done[place], self._item = item, None
        elif kind == "response.content_part.added" and isinstance(part, dict):
            self._part, self._said = (int(told.get("content_index") or 0), part), []
        elif kind == "response.content_part.done":
            self._parts.append(part)
            self._part = None

    def end(self, ending: Ending) -> Iterator[bytes]:
        whole = ending.finish == "stop"
        status = "completed" if whole else "incomplete"
        for kind, fields in (*self._end_item(status), self._end_response(status, ending)):
            self._number += 1
            told = {"type": kind, **fields, "sequence_number": self._number}
            if kind == f"response.{status}":
                yield _comment(ending.rule)
            yield event(told, kind)
        yield DONE

    def _end_item(self, status: str) -> Iterator[tuple[str, dict[str, Any]]]:
        if self._item is None:
            return
        index, item = self._item
        place, said = {"output_index": index, "item_id": item.get("id")}, "".join(self._said)
        if item.get("type") == "message":
            if self._part is not None:
                at, part = self._part
                field = _TEXT_IN.get(str(part.get("type")), "text")
                part = {**part, field: said}
                here = {**place, "content_index": at}
                yield f"response.{part.get('type')}.done", {**here, field: said, "logprobs": []}
                yield "response.content_part.done", {**here, "part": part}
                self._parts.append(part)
            item = {**item, "status": status, "content": self._parts}
        elif item.get("type") == "function_call":
            yield (
                "response.function_call_arguments.done",
                {**place, "name": item.get("name"), "arguments": said},
            )
            item = {**item, "status": status, "arguments": said}
        else:
            item = {**item, "status": status}
        self._done[index] = item
        yield "response.output_item.done", {"output_index": index, "item": item}

    def _end_response(self, status: str, ending: Ending) -> tuple[str, dict[str, Any]]:
        asked, answered = ending.usage
        usage = {
            "input_tokens": asked,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": answered,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": asked + answered,
        }
        response = {
            **self._response,
            "status": status,
            "incomplete_details": None if status == "completed" else {"reason": "max_output_tokens"},
            "output": [self._done[place] for place in sorted(self._done)],
            "usage": usage,
            **_why(ending),
        }
        return f"response.{status}", {"response": response}


def _named(told: Mapping[str, Any]) -> bytes:
    return event(told, str(told["type"]))


def teller_of(endpoint: str, *, include_usage: bool) -> Teller | None:
    """The one for an endpoint's streams; None: it has none."""
    if endpoint == "chat":
        return ChatTeller(include_usage=include_usage)
    if endpoint == "completions":
        return ChatTeller(include_usage=include_usage, legacy=True)
    return MessagesTeller() if endpoint == "messages" else ResponsesTeller() if endpoint == "responses" else None
