"""Answers in JSON with short keys, on their way to the client: it gets the names that it asked for.

Read right where the host hands the answer over, so that everybody after it (checks of a cascade, early stop, the cache,
the client) sees long names. Only on the front route, where that place is.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from litellm_plugins.model import OutputBy, OutputLimit
from litellm_plugins.output.json_keys import LongKeys, with_long_keys
from litellm_plugins.output.schema_keys import Shortened, shortened
from litellm_plugins.output.schema_walk import Unfit
from litellm_plugins.output.structured import forced_schema_in, is_told_apart, schema_in, with_schema
from litellm_plugins.proxy.host.token_counts import counted
from litellm_plugins.proxy.host.tokenizers import O200K
from litellm_plugins.proxy.output.places import arguments, lengthened, place_of, texts
from litellm_plugins.proxy.wire.sse import event, whole_events
from litellm_plugins.proxy.wire.stopping import teller_of

if TYPE_CHECKING:
    from litellm_plugins.settings.output import Structured

_MOST_KEPT = 512  # schemas
_LONGEST_SCHEMA = 64 * 1024  # bytes: a longer one would take the loop too long, and is left alone
_LONGEST_EVENT = 4 * 1024 * 1024  # bytes
_DATA = b"data:"
_DONE = {"text": "response.output_text.done", "arguments": "response.function_call_arguments.done"}
_kept: dict[bytes, Shortened | OutputBy] = {}


def keys_shortened(
    endpoint: str, data: Mapping[str, Any], wanted: Structured
) -> tuple[OutputLimit | None, Shortened | None, dict[str, Any]]:
    """What is told, the way back, and the fields of `data` to replace."""
    of_format = schema_in(endpoint, data)
    found = of_format or forced_schema_in(endpoint, data)
    if found is None:
        return None, None, {}
    path, schema = found
    made: Shortened | OutputBy = OutputBy.UNFIT
    if endpoint == "responses" and data.get("store") is not False:
        made = OutputBy.STORED
    elif is_told_apart(endpoint, data):
        made = _made(schema, wanted)
    if isinstance(made, OutputBy):
        return OutputLimit("keys", made, "none"), None, {}
    told = OutputLimit("keys", OutputBy.ALL, str(len(made.long_of)))
    return told, replace(made, of_tool=of_format is None), with_schema(data, path, made.schema)


def _made(schema: Mapping[str, Any], wanted: Structured) -> Shortened | OutputBy:
    try:
        written = orjson.dumps(schema)
    except orjson.JSONEncodeError:  # numbers past 64 bits, and the like
        return OutputBy.UNFIT
    if len(written) > _LONGEST_SCHEMA:
        return OutputBy.UNFIT
    key = orjson.dumps([wanted.min_saved_tokens, wanted.expected_items]) + written
    if (known := _kept.get(key)) is not None:
        return known
    original = orjson.loads(written)  # ours: nobody writes to it
    made: Shortened | OutputBy | None
    try:
        made = shortened(original, _tokens, min_saved=wanted.min_saved_tokens, expected_items=wanted.expected_items)
    except Unfit:
        made = OutputBy.UNFIT
    if len(_kept) >= _MOST_KEPT:
        _kept.clear()
    _kept[key] = made or OutputBy.LITTLE_SAVED
    return _kept[key]


def _tokens(text: str) -> int:
    return counted(text, O200K)  # which model it will be is not known yet


def answered_with_long_keys(endpoint: str, made: Shortened, result: Any, heard: list[str]) -> None:
    """Have `result`, the host's answer, say long names. What a stream's provider said itself goes to `heard`."""
    if isinstance(result, StreamingResponse):
        if result.status_code < 400:
            result.body_iterator = _Stream(endpoint, made, heard).told(result.body_iterator)
    elif isinstance(result, BaseModel):
        _of_model(endpoint, made, result)
    elif isinstance(result, dict):
        body_with_long_keys(endpoint, made, result)


def body_with_long_keys(endpoint: str, made: Shortened, body: dict[str, Any]) -> None:
    """Write long names into a whole answer; into one that has them, nothing."""
    for holder, field in (arguments if made.of_tool else texts)(endpoint, body):
        holder[field] = lengthened(made, holder[field])
    if endpoint == "responses":
        body.update(_repeated(made, body))


def _repeated(made: Shortened, body: Mapping[str, Any]) -> dict[str, Any]:
    """What a response repeats of its request, with the schema as the client sent it; nothing, where it does not."""
    original, tools, text = copy.deepcopy(dict(made.original)), body.get("tools"), body.get("text")
    if made.of_tool:
        tool = tools[0] if isinstance(tools, list) and tools else None
        return {"tools": [{**tool, "parameters": original}]} if isinstance(tool, Mapping) else {}
    wanted = text.get("format") if isinstance(text, Mapping) else None
    if not isinstance(text, Mapping) or not isinstance(wanted, Mapping) or not isinstance(wanted.get("schema"), dict):
        return {}
    return {"text": {**text, "format": {**wanted, "schema": original}}}


def _of_model(endpoint: str, made: Shortened, result: Any) -> None:
    if endpoint == "responses":
        for name, own in _repeated(made, result.model_dump(include={"text", "tools"})).items():
            setattr(result, name, own)
    for holder, name in _of_chat(result, made) if endpoint == "chat" else _of_items(result, made):
        _lengthen(made, holder, name)


def _of_chat(result: Any, made: Shortened) -> Iterator[tuple[Any, str]]:
    for choice in getattr(result, "choices", None) or ():
        message = getattr(choice, "message", None)
        if message is not None and made.of_tool:
            yield from ((call.function, "arguments") for call in message.tool_calls or ())
        elif message is not None:
            yield message, "content"


def _of_items(result: Any, made: Shortened) -> Iterator[tuple[Any, str]]:
    for item in getattr(result, "output", None) or ():
        if made.of_tool and _field(item, "type") == "function_call":
            yield item, "arguments"
        for part in () if made.of_tool else _field(item, "content") or ():
            if _field(part, "type") == "output_text":
                yield part, "text"


def _lengthen(made: Shortened, holder: Any, name: str) -> None:
    if not isinstance(said := _field(holder, name), str):
        return
    if isinstance(holder, dict):
        holder[name] = with_long_keys(made, said)
    else:
        setattr(holder, name, with_long_keys(made, said))


def _field(held: Any, name: str) -> Any:
    return held.get(name) if isinstance(held, Mapping) else getattr(held, name, None)


class _Stream:
    """One stream of events."""

    def __init__(self, endpoint: str, made: Shortened, heard: list[str]) -> None:
        self._endpoint, self._made, self._heard = endpoint, made, heard
        self._teller = teller_of(endpoint, include_usage=False)
        self._texts: dict[tuple[Any, ...], LongKeys] = {}
        self._rest = b""

    async def told(self, chunks: Any) -> AsyncIterator[Any]:
        """The stream with long keys. An event is passed on once it is whole."""
        try:
            async for chunk in chunks:
                whole, self._rest = whole_events(self._rest + _bytes(chunk))
                for raw in whole:
                    yield self._read(raw)
                if len(self._rest) > _LONGEST_EVENT:
                    yield self._rest
                    self._rest = b""
            if self._rest:
                yield self._rest
        finally:
            with suppress(AttributeError):
                await chunks.aclose()

    def _read(self, raw: bytes) -> bytes:
        data = b"".join(line.removeprefix(_DATA).strip() for line in raw.split(b"\n") if line.startswith(_DATA))
        if not data.startswith(b"{"):
            return raw
        try:
            told = orjson.loads(data)
        except ValueError:
            return raw
        if not self._write(told):
            return raw
        name = next((line[6:].strip().decode() for line in raw.split(b"\n") if line.startswith(b"event:")), None)
        return event(told, name)

    def _write(self, told: dict[str, Any]) -> bool:
        """Write long keys into one event; whether it says anything."""
        pieces = [] if self._teller is None else self._teller.pieces(told)
        self._heard += [piece.text for piece in pieces]
        channel = "tool" if self._made.of_tool else "text"
        said = [piece for piece in pieces if piece.channel == channel and piece.field != "refusal"]
        if told.get("type") == "response.refusal.delta":
            return False
        for piece in said:
            if (place := place_of(self._endpoint, told, piece)) is not None:
                keys = self._texts.setdefault(place, LongKeys(self._made))
                piece.holder[piece.field] = keys.feed(piece.text)
        return bool(said) or self._write_whole(told)

    def _write_whole(self, told: dict[str, Any]) -> bool:
        """Of the Responses API, which says at each end what has come once more."""
        kind = str(told.get("type"))
        if self._endpoint != "responses":
            return False
        done = "arguments" if self._made.of_tool else "text"
        if kind == _DONE[done] and isinstance(told.get(done), str):
            told[done] = with_long_keys(self._made, told[done])
            return True
        response, item, part = told.get("response"), told.get("item"), told.get("part")
        body = response if isinstance(response, dict) else {"output": [item or {"content": [part]}]}
        body_with_long_keys("responses", self._made, body)
        return any(isinstance(each, dict) for each in (response, item, part))


def _bytes(chunk: Any) -> bytes:
    return chunk.encode() if isinstance(chunk, str) else bytes(chunk)
