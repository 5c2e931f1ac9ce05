"""Answers in JSON with short keys, on their way to the client: it gets the names that it asked for.

Read right where the host hands the answer over, so that everybody after it (checks of a cascade, early stop, the cache,
the client) sees long names. Only on the front route, where that place is.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from litellm_plugins.model import OutputBy, OutputLimit
from litellm_plugins.output.json_keys import LongKeys, with_long_keys
from litellm_plugins.output.schema_keys import Shortened, shortened
from litellm_plugins.output.schema_walk import Unfit
from litellm_plugins.output.structured import is_told_apart, schema_in, with_schema
from litellm_plugins.proxy.host.token_counts import counted
from litellm_plugins.proxy.host.tokenizers import O200K
from litellm_plugins.proxy.wire.sse import event, whole_events
from litellm_plugins.proxy.wire.stopping import teller_of

if TYPE_CHECKING:
    from litellm_plugins.settings.output import Structured

_MOST_KEPT = 512  # schemas
_LONGEST_SCHEMA = 64 * 1024  # bytes: a longer one would take the loop too long, and is left alone
_LONGEST_EVENT = 4 * 1024 * 1024  # bytes
_DATA = b"data:"
_kept: dict[bytes, Shortened | OutputBy] = {}


def keys_shortened(
    endpoint: str, data: Mapping[str, Any], wanted: Structured
) -> tuple[OutputLimit | None, Shortened | None, dict[str, Any]]:
    """What is told, the way back, and the fields of `data` to replace."""
    found = schema_in(endpoint, data)
    if found is None:
        return None, None, {}
    path, schema = found
    made: Shortened | OutputBy = OutputBy.UNFIT
    if is_told_apart(endpoint, data):
        made = _made(schema, wanted)
    if isinstance(made, OutputBy):
        return OutputLimit("keys", made, "none"), None, {}
    told = OutputLimit("keys", OutputBy.ALL, str(len(made.long_of)))
    return told, made, with_schema(data, path, made.schema)


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
    for holder, field in _texts(endpoint, body):
        holder[field] = with_long_keys(made, holder[field])
    if endpoint == "responses" and (text := _with_own_schema(made, body.get("text"))) is not None:
        body["text"] = text


def _with_own_schema(made: Shortened, text: object) -> dict[str, Any] | None:
    """What a response repeats of its request's `text`, with the schema as the client sent it; None: it repeats none."""
    wanted = text.get("format") if isinstance(text, Mapping) else None
    if not isinstance(text, Mapping) or not isinstance(wanted, Mapping) or not isinstance(wanted.get("schema"), dict):
        return None
    return {**text, "format": {**wanted, "schema": copy.deepcopy(dict(made.original))}}


def _of_model(endpoint: str, made: Shortened, result: Any) -> None:
    if endpoint == "chat":
        for choice in getattr(result, "choices", None) or ():
            message = getattr(choice, "message", None)
            if message is not None and isinstance(message.content, str):
                message.content = with_long_keys(made, message.content)
        return
    if endpoint == "responses" and (repeated := _with_own_schema(made, getattr(result, "text", None))) is not None:
        result.text = repeated
    for item in getattr(result, "output", None) or ():
        for part in _field(item, "content") or ():
            if _field(part, "type") == "output_text" and isinstance(text := _field(part, "text"), str):
                told = with_long_keys(made, text)
                if isinstance(part, dict):
                    part["text"] = told
                else:
                    part.text = told


def _field(held: Any, name: str) -> Any:
    return held.get(name) if isinstance(held, Mapping) else getattr(held, name, None)


def _texts(endpoint: str, body: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """The answer's words: what holds each, and its field."""
    if endpoint == "chat":
        held = [each.get("message") for each in _dicts(body.get("choices"))]
        wanted = [(each, "content") for each in held if isinstance(each, dict)]
    elif endpoint == "messages":
        wanted = [(each, "text") for each in _dicts(body.get("content")) if each.get("type") == "text"]
    else:
        parts = [part for item in _dicts(body.get("output")) for part in _dicts(item.get("content"))]
        wanted = [(each, "text") for each in parts if each.get("type") == "output_text"]
    yield from ((holder, field) for holder, field in wanted if isinstance(holder.get(field), str))


def _dicts(held: object) -> list[dict[str, Any]]:
    return [each for each in held if isinstance(each, dict)] if isinstance(held, list) else []


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
        place = tuple(told.get(name) for name in ("index", "output_index", "content_index"))
        texts = [piece for piece in pieces if piece.channel == "text" and piece.field != "refusal"]
        if told.get("type") == "response.refusal.delta":
            return False
        for piece in texts:
            keys = self._texts.setdefault(place, LongKeys(self._made))
            piece.holder[piece.field] = keys.feed(piece.text)
        return bool(texts) or self._write_whole(told)

    def _write_whole(self, told: dict[str, Any]) -> bool:
        """Of the Responses API, which says at each end what has come once more."""
        kind = str(told.get("type"))
        if self._endpoint != "responses":
            return False
        if kind == "response.output_text.done" and isinstance(told.get("text"), str):
            told["text"] = with_long_keys(self._made, told["text"])
            return True
        response, item, part = told.get("response"), told.get("item"), told.get("part")
        body = response if isinstance(response, dict) else {"output": [item or {"content": [part]}]}
        found = [each for each in _texts("responses", body) if each[0][each[1]]]
        for holder, field in found:
            holder[field] = with_long_keys(self._made, holder[field])
        repeated = _with_own_schema(self._made, body.get("text"))
        if repeated is not None:
            body["text"] = repeated
        return bool(found) or repeated is not None


def _bytes(chunk: Any) -> bytes:
    return chunk.encode() if isinstance(chunk, str) else bytes(chunk)
